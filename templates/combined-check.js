// Installer's check before the installation (Distribution, installation-check).
// A warning and not a stop: Lima may come later, from a device management or
// from a person, and not every instance need be chosen.
function installationCheck() {
  // Each list is of places where one limactl may be.
  var programs = [
{%- for places in programs %}
    [{% for place in places %}"{{ place }}", {% endfor %}],
{%- endfor %}
  ];
  var missing = programs.filter(function (places) {
    return !places.some(function (place) { return system.files.fileExistsAtPath(place); });
  }).map(function (places) {
    return places.join(" or ");
  });
  if (missing.length === 0) {
    return true;
  }
  my.result.type = "Warn";
  my.result.title = "Lima is not where it is looked for";
  my.result.message = "Lima instances are to be started with " + missing.join(" and with ") +
    ", and there is no such file on this Mac. You can go on with instances that need none of it, or" +
    " install Lima there first. If Lima is somewhere else, ask for a package that was built for that place.";
  return false;
}
