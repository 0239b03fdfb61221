// Installer's check before the installation (Distribution, installation-check).
{%- if let Some(limactl) = limactl %}
// A warning and not a stop: Lima may come later, from a device management or
// from a person.
function installationCheck() {
  var limactl = "{{ limactl }}";
  var instance = "{{ instance }}";
  if (system.files.fileExistsAtPath(limactl)) {
    return true;
  }
  my.result.type = "Warn";
  my.result.title = "Lima is not where it is looked for";
  my.result.message = "The Lima instance " + instance + " is to be started with " + limactl +
    ", and there is no such file on this Mac. You can go on and install Lima there later;" +
    " the instance then starts at the next {% if boot %}start of the Mac{% else %}login{% endif %}." +
    " If Lima is somewhere else, ask for a package that was built for that place.";
  return false;
}
{%- else %}
// A stop: the package is to find limactl, and would fail later.
function installationCheck() {
  var instance = "{{ instance }}";
  var places = [
    {%- for place in limactl_places %}
    "{{ place }}"{% if !loop.last %},{% endif %}
    {%- endfor %}
  ];
  if (places.some(function (place) { return system.files.fileExistsAtPath(place); })) {
    return true;
  }
  my.result.type = "Fatal";
  my.result.title = "Lima is not on this Mac";
  my.result.message = "The Lima instance " + instance + " is to be started with the first that there is of " +
    places.join(", ") + ", and this Mac has none of them. Install Lima and then this package," +
    " or ask for a package that was built for another place.";
  return false;
}
{%- endif %}
