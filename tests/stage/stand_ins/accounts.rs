//! Who is who: id(1), dscl(1), sudo(8).

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::End;
use crate::state::{Account, State};

/// Every user's group on a Mac: staff.
const STAFF: u32 = 20;

/// The account with this name.
pub fn account<'a>(state: &'a State, name: &str) -> Option<&'a Account> {
    state.accounts.iter().find(|account| account.name == name)
}

/// id(1), `-u` and `-un`.
pub fn id(state: &State, uid: u32, words: &[&str]) -> Option<End> {
    match words {
        ["-un"] => Some(match state.accounts.iter().find(|account| account.uid == uid) {
            Some(account) => End::good(format!("{}\n", account.name)),
            None => End::good(format!("{uid}\n")),
        }),
        ["-u"] => Some(End::good(format!("{uid}\n"))),
        ["-u", "root"] => Some(End::good("0\n")),
        ["-u", name] => {
            Some(match account(state, name).filter(|_| !state.faults.unresolved.contains(*name)) {
                Some(account) => End::good(format!("{}\n", account.uid)),
                None => End::bad(1, format!("id: {name}: no such user\n")),
            })
        }
        _ => None,
    }
}

/// What macOS itself brings along, as `dscl . -list /Users UniqueID` prints it.
const SYSTEM_ACCOUNTS: [(&str, i64); 6] =
    [("_mbsetupuser", 248), ("_lima-test", 601), ("daemon", 1), ("Guest", 201), ("nobody", -2), ("root", 0)];

/// dscl(1): `/Search` has the network's accounts as well. A value with a space in it comes on a line of its own, after a
/// space; the code is that of a record that is not there.
pub fn dscl(state: &State, words: &[&str]) -> Option<End> {
    let is_local = |name: &str| !state.network_accounts.contains(name);
    if words == [".", "-list", "/Users", "UniqueID"] {
        let people = state.accounts.iter().filter(|account| is_local(&account.name));
        let people = people.map(|account| (account.name.as_str(), account.uid.into()));
        let line = |(name, uid): (&str, i64)| format!("{name:<24}{uid}\n");
        return Some(End::good(SYSTEM_ACCOUNTS.into_iter().chain(people).map(line).collect::<String>()));
    }
    if let [".", "-read", record, "IsHidden"] = words {
        // As it prints an attribute that is not one of its own names.
        let name = record.strip_prefix("/Users/")?;
        return Some(End::good(match state.hidden.contains(name) {
            true => "dsAttrTypeNative:IsHidden: 1\n",
            false => "No such key: IsHidden\n",
        }));
    }
    let [directory @ ("/Search" | "."), "-read", record, "NFSHomeDirectory"] = words else { return None };
    let name = record.strip_prefix("/Users/")?;
    let found = account(state, name).filter(|_| *directory == "/Search" || is_local(name));
    let Some(account) = found else {
        return Some(End::bad(56, "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)\n"));
    };
    Some(match &account.home {
        Some(home) if home.contains(' ') => End::good(format!("NFSHomeDirectory:\n {home}\n")),
        Some(home) => End::good(format!("NFSHomeDirectory: {home}\n")),
        None => End::good("No such key: NFSHomeDirectory\n"),
    })
}

/// stat(1), of who sits at the screen: root where nobody does.
pub fn stat(state: &State, words: &[&str]) -> Option<End> {
    let ["-f", "%Su", "/dev/console"] = words else { return None };
    let first = state.logged_in.first();
    let name = state.accounts.iter().find(|account| Some(&account.uid) == first);
    Some(End::good(format!("{}\n", name.map_or("root", |account| &account.name))))
}

/// sudo(8): by a user for root, which asks for a password once in five minutes;
/// by root, for a user by number: really with that user's rights. What
/// macOS's sudoers(5) keeps of the environment: HOME stays root's own.
pub fn sudo(state: &mut State, uid: u32, words: &[&str]) -> Option<End> {
    if let [program, arguments @ ..] = words
        && uid != 0
        && !program.starts_with('-')
    {
        return Some(to_root(state, uid, program, arguments));
    }
    let ["-n", "-u", user, "--", program, arguments @ ..] = words else { return None };
    let to: u32 = user.strip_prefix('#')?.parse().ok()?;
    if uid != 0 {
        return Some(End::bad(1, "sudo: a password is required\n"));
    }
    let Some(account) = state.accounts.iter().find(|account| account.uid == to) else {
        return Some(End::bad(1, format!("sudo: unknown user {user}\n")));
    };
    if state.faults.sudo_refuses_to_be.contains(&account.name) {
        let name = &account.name;
        let why = format!("Sorry, user root is not allowed to execute '{program}' as {name} on mac.\n");
        return Some(End::bad(1, why));
    }
    let kept = ["PATH", "HOME", "TERM", "LC_ALL", "LANG", SESSION];
    let mut command = Command::new(program);
    if arguments.contains(&"create") {
        if state.faults.create_is_ended {
            crate::limactl::end_soon();
        }
        command = Command::new("/stand-ins/busybox");
        command.args(["sh", "-c", STAYS, "sudo", "/stand-ins/as-user", &to.to_string(), program]);
    } else {
        command.uid(to).gid(STAFF);
    }
    command
        .args(arguments)
        .env_clear()
        .envs(kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .envs([("USER", &account.name), ("LOGNAME", &account.name)])
        .envs([("SUDO_USER", "root"), ("SUDO_UID", "0"), ("SUDO_GID", "0")]);
    Some(become_program(state, &mut command))
}

/// What sudo really does, for the program that a script may want to end: it
/// stays, and passes on no signal that a process of its own process group sent
/// (`exec_nopty.c`), which the script is in.
const STAYS: &str = r#"trap : TERM
exec 3>&2 2>/dev/null
"$@" 2>&3 3>&- &
while :; do
    wait "$!"
    status=$?
    kill -0 "$!" 2>/dev/null || exit "$status"
done"#;

/// Becomes a user for good, without staying: for [`STAYS`].
pub fn as_user(state: &State, words: &[&str]) -> Option<End> {
    let [uid, program, arguments @ ..] = words else { return None };
    let mut command = Command::new(program);
    Some(become_program(state, command.args(arguments).uid(uid.parse().ok()?).gid(STAFF)))
}

/// As root, really: this file is a setuid program.
fn to_root(state: &mut State, uid: u32, program: &str, arguments: &[&str]) -> End {
    if state.sudo_asks_again_at.is_none_or(|at| at <= state.now) {
        state.sudo_asked += 1;
        if state.faults.sudo_refuses {
            return End::bad(1, "sudo: 3 incorrect password attempts\n");
        }
    }
    state.sudo_asks_again_at = Some(state.now + 300);
    let kept = ["PATH", "HOME", "TERM", "LC_ALL", "LANG", SESSION];
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .envs([("USER", "root"), ("LOGNAME", "root"), ("SUDO_UID", &uid.to_string())])
        .uid(0)
        .gid(0);
    become_program(state, &mut command)
}

/// The variable that stands for the session that `launchctl asuser` enters:
/// a process has it from its parent, and no program can give it to itself.
pub const SESSION: &str = "STAND_IN_SESSION";

/// Goes on as another program.
pub fn become_program(state: &State, command: &mut Command) -> End {
    state.write(Path::new("/"));
    let error = command.exec();
    End::bad(127, format!("{}: {error}\n", command.get_program().to_string_lossy()))
}
