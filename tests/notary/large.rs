//! A package of 1 GiB: laid out, uploaded and stapled in little memory.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use super::authority::team;
use super::server::{Plan, Server};
use super::{notarize, packages};
use crate::support::tool;

const SIZE: u64 = 1 << 30;
/// Most memory, in KiB.
const MOST: u64 = 64 << 10;

#[test]
fn a_gibibyte_is_uploaded_in_less_than_64_mib() {
    let Some(_) = tool("openssl") else { return };
    let xtask = team().built(1);
    let (path, package) = packages(&xtask.path("out")).remove(0);
    let digest = crate::signing::signatures(&package).0;
    let file = xtask.path("out").join(&path);
    // Nothing refers to what lies behind the heap; it is read and sent all the same.
    fs::File::options().write(true).open(&file).unwrap().set_len(SIZE).unwrap();
    let server = Server::start(Plan { trusting: true, in_progress: 0, ..Plan::default() });
    let mut command = notarize(&xtask, &server, &[file.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let now =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB").trim().to_owned();
        peak = peak.max(now.split(' ').next().unwrap().parse::<u64>().unwrap());
        // The server looks into no package of this size; it is told what it would find.
        if let Some(one) = server.state().submissions.first_mut()
            && one.uploads > 0
        {
            one.packages = vec![(path.clone(), digest.clone())];
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success());
    server.assert_no_fault();
    println!("uploading 1 GiB: {} MiB at most", peak / 1024);
    assert!(peak > 1024 && peak < MOST, "{peak} KiB");
    assert!(fs::metadata(&file).unwrap().len() > SIZE, "it is stapled");
}
