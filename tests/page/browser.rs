//! Chromium without a window, with a profile of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;

/// The browser.
pub struct Browser(PathBuf);

impl Browser {
    /// Where there is one.
    pub fn find() -> Option<Self> {
        support::browser().map(Self)
    }

    /// What a page has become when it is loaded from disk and its scripts ran.
    pub fn dom(&self, page: &Path) -> String {
        self.load(page, &[])
    }

    /// What a frame as wide as a phone finds of a page, with everything unfolded
    /// and `docker` looked for. The frame has to see into a file: no other page
    /// may.
    pub fn on_a_phone(&self, page: &Path) -> serde_json::Value {
        let folder = tempfile::tempdir().unwrap();
        let frame = folder.path().join("frame.html");
        fs::write(&frame, FRAME.replace("PAGE", page.to_str().unwrap())).unwrap();
        let dom = self.load(&frame, &["--allow-file-access-from-files", "--virtual-time-budget=10000"]);
        let text = dom.split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next());
        let text = text.unwrap_or_else(|| panic!("nothing was seen: {dom}"));
        serde_json::from_str(text).unwrap()
    }

    fn load(&self, page: &Path, arguments: &[&str]) -> String {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(&self.0);
        command
            .args(["--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .env("HOME", profile.path());
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        support::succeed(command.arg(format!("file://{}", page.display())))
    }
}

const FRAME: &str = r##"<!DOCTYPE html>
<iframe src="file://PAGE" style="width:360px;height:800px;border:0"></iframe>
<script>
document.querySelector("iframe").onload = event => {
  const page = event.target.contentDocument, root = page.documentElement;
  const instances = [...page.querySelectorAll("details.vm")];
  const unfolded = instances.filter(one => one.open).length;
  page.querySelectorAll("details").forEach(one => { one.open = true; });
  instances.forEach(one => { one.style.contentVisibility = "visible"; });
  const box = page.querySelector("#filter");
  const buttons = [...page.querySelectorAll("button.copy")];
  if (buttons.length > 0) { buttons[0].click(); }
  const seen = {
    unfolded, width: root.clientWidth, scrolled: root.scrollWidth,
    filter: !page.querySelector("form.filter").hidden,
    buttons: buttons.length, copied: page.getSelection().toString(),
    to_copy: page.querySelectorAll("pre code, code.whole").length,
    styled: getComputedStyle(page.querySelector("dl")).display === "grid",
  };
  box.value = "docker";
  box.dispatchEvent(new Event("input"));
  seen.found = instances.filter(one => !one.hidden).map(one => one.querySelector("h2").textContent);
  seen.said = page.querySelector("output").textContent;
  const text = document.createElement("pre");
  text.textContent = JSON.stringify(seen);
  document.body.append(text);
};
</script>
"##;

/// Where links go, as the page says it.
pub fn hrefs(html: &str) -> Vec<String> {
    html.split(" href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// The file that a browser opens for a link.
pub fn opened(href: &str) -> String {
    let folder = url::Url::parse("file:///").unwrap();
    let url = folder.join(href).unwrap();
    assert!(url.scheme() == "file" && url.query().is_none() && url.fragment().is_none(), "{href}");
    url.to_file_path().unwrap().strip_prefix("/").unwrap().to_str().unwrap().to_owned()
}
