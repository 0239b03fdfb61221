"use strict";
// The page is complete without this: it hides instances that are not asked
// for, opens the one that the address names, and copies.
const instances = Array.from(document.querySelectorAll("details.vm"));
const form = document.querySelector("form.filter");
if (instances.length > 5) {
  const box = form.querySelector("input");
  const shown = form.querySelector("output");
  const words = instances.map(function (one) { return one.querySelector("summary").textContent.toLowerCase(); });
  const filter = function () {
    const wanted = box.value.toLowerCase().split(" ");
    let count = 0;
    instances.forEach(function (one, index) {
      one.hidden = wanted.some(function (word) { return !words[index].includes(word); });
      count += one.hidden ? 0 : 1;
    });
    shown.textContent = box.value === "" ? "" : count + " of " + instances.length;
  };
  form.hidden = false;
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  box.addEventListener("input", filter);
  filter();
}
const unfold = function () {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (instances.includes(named)) {
    named.open = true;
    named.scrollIntoView();
  }
};
window.addEventListener("hashchange", unfold);
unfold();
// A page that was opened by http may not write to the clipboard itself: what is selected
// can be copied as by hand.
const copy = function (code) {
  const range = document.createRange();
  range.selectNodeContents(code);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(code.textContent).then(function () { return true; }, function () { return document.execCommand("copy"); });
  }
  return Promise.resolve(document.execCommand("copy"));
};
document.querySelectorAll("pre code, code.whole").forEach(function (code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", function () {
    copy(code).then(function (done) {
      button.textContent = done ? "Copied" : "Selected";
      window.setTimeout(function () { button.textContent = "Copy"; }, 2000);
    });
  });
  if (code.parentElement.localName === "pre") {
    code.parentElement.classList.add("can-copy");
  }
  code.after(button);
});
