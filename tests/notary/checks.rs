//! What Apple and Amazon check, by other people's programs: openssl and bsdtar.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use xshell::{Shell, cmd};

use super::authority::{ISSUER, KEY_ID, team};
use super::server::{ACCESS_KEY, Head, SECRET_KEY, SESSION};
use crate::signing::{openssl_verifies, signatures};

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JWT: form, claims, age, and the signature by openssl.
pub fn token(authorization: &str) -> Result<(), String> {
    let token = authorization.strip_prefix("Bearer ").ok_or("there is no token")?;
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err("it has not three parts".to_owned()) };
    let json = |part: &str| -> Result<Value, String> {
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    };
    let (head, said) = (json(header)?, json(claims)?);
    if head != serde_json::json!({ "alg": "ES256", "kid": KEY_ID, "typ": "JWT" }) {
        return Err(format!("its header is {head}"));
    }
    let is_of_team = said["iss"] == ISSUER && said.get("sub").is_none();
    let is_of_person = said.get("iss").is_none() && said["sub"] == "user";
    if !(is_of_team || is_of_person) || said["aud"] != "appstoreconnect-v1" {
        return Err(format!("its claims are {said}"));
    }
    let number = |name: &str| said[name].as_u64().ok_or(format!("{name} is not a number"));
    let (issued, expires) = (number("iat")?, number("exp")?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    if issued > now || expires <= now || expires - issued > 1200 {
        return Err(format!("it is from {issued} to {expires}, and now is {now}"));
    }
    let raw = URL_SAFE_NO_PAD.decode(signature).map_err(|error| error.to_string())?;
    if raw.len() != 64 {
        return Err(format!("its signature has {} bytes", raw.len()));
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (message, file, public) = (at("message"), at("signature"), team().path("key.public"));
    fs::write(&message, format!("{header}.{claims}")).unwrap();
    fs::write(&file, ecdsa_der(&raw)).unwrap();
    let sh = Shell::new().unwrap();
    cmd!(sh, "openssl dgst -sha256 -verify {public} -signature {file} {message}")
        .quiet()
        .ignore_stdout()
        .run()
        .map_err(|_| "its signature is not valid".to_owned())
}

/// R and S as openssl wants them.
fn ecdsa_der(raw: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let mut content = bytes[start..].to_vec();
        if content[0] >= 0x80 {
            content.insert(0, 0);
        }
        [vec![2, content.len() as u8], content].concat()
    };
    let both = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [vec![0x30, both.len() as u8], both].concat()
}

/// AWS Signature Version 4, every digest and MAC of it by openssl.
pub fn storage_signature(head: &Head, host: &str, sha256: &str) -> Result<(), String> {
    let expected = |name: &str, value: &str| {
        if head.header(name) == value {
            Ok(())
        } else {
            Err(format!("{name} is {:?} and not {value:?}", head.header(name)))
        }
    };
    expected("x-amz-content-sha256", sha256)?;
    expected("x-amz-security-token", SESSION)?;
    expected("host", host)?;
    if head.method != "PUT" {
        return Err(format!("it is a {}", head.method));
    }
    let time = head.header("x-amz-date");
    let day = &time[..8];
    let names = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token";
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", head.header(name))).collect();
    let canonical = format!("PUT\n{}\n\n{headers}\n{names}\n{sha256}", head.target);
    let scope = format!("{day}/us-west-2/s3/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", openssl(&["-sha256"], &canonical));
    let mut key = hex(format!("AWS4{SECRET_KEY}").as_bytes());
    for part in [day, "us-west-2", "s3", "aws4_request"] {
        key = openssl_mac(&key, part);
    }
    let signature = openssl_mac(&key, &to_sign);
    expected(
        "authorization",
        &format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
        ),
    )
}

fn openssl(options: &[&str], message: &str) -> String {
    let sh = Shell::new().unwrap();
    let said = cmd!(sh, "openssl dgst {options...}").stdin(message).quiet().read().unwrap();
    said.rsplit(' ').next().unwrap().to_owned()
}

fn openssl_mac(hex_key: &str, message: &str) -> String {
    openssl(&["-sha256", "-mac", "HMAC", "-macopt", &format!("hexkey:{hex_key}")], message)
}

/// Unpacks a zip with bsdtar, and lets openssl look at every package as Apple does: both
/// signatures, the certificate's purpose and chain, the timestamp. Returns names and TOC digests.
pub fn packages(zip: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let sh = Shell::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path();
    cmd!(sh, "bsdtar -xf {zip} -C {place}").quiet().run().map_err(|error| error.to_string())?;
    // As a stream too: what cannot be read without its end a service may not read either.
    let listed = cmd!(sh, "bsdtar -tf -").stdin(fs::read(zip).unwrap()).quiet().read();
    let listed = listed.map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for name in listed.lines() {
        let package = fs::read(place.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let (digest, certificates, rsa, cms) = signatures(&package);
        openssl_verifies(&sh, &digest, &certificates[0], &rsa, &cms);
        let (leaf, cms_file) = (place.join("leaf"), place.join("cms"));
        fs::write(&leaf, &certificates[0]).unwrap();
        fs::write(&cms_file, &cms).unwrap();
        let text = cmd!(sh, "openssl x509 -inform DER -in {leaf} -noout -text").quiet().read().unwrap();
        if !text.contains("1.2.840.113635.100.4.13") {
            return Err(format!("{name} is not signed by an installer certificate"));
        }
        let (root, authority) = (team().path("root.pem"), team().path("authority.pem"));
        let leaf_pem = place.join("leaf.pem");
        cmd!(sh, "openssl x509 -inform DER -in {leaf} -out {leaf_pem}").quiet().run().unwrap();
        cmd!(sh, "openssl verify -ignore_critical -CAfile {root} -untrusted {authority} {leaf_pem}")
            .quiet()
            .ignore_stdout()
            .run()
            .map_err(|error| format!("{name}: {error}"))?;
        let structure =
            cmd!(sh, "openssl cms -cmsout -print -inform DER -in {cms_file} -noout").quiet().read().unwrap();
        if !structure.contains("id-smime-aa-timeStampToken") {
            return Err(format!("{name} has no timestamp"));
        }
        found.push((name.to_owned(), digest));
    }
    Ok(found)
}
