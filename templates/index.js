"use strict";
// The page is complete without this: it hides instances that are not asked
// for, and opens the one that the address names.
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
