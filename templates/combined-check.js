// Installer's check before the installation (Distribution, installation-check).
// A warning and not a stop: Lima may come later, from a device management or
// from a person.
function installationCheck() {
  var programs = [
{%- for program in programs %}
    "{{ program }}",
{%- endfor %}
  ];
  var missing = programs.filter(function (program) {
    return !system.files.fileExistsAtPath(program);
  });
  if (missing.length === 0) {
    return true;
  }
  my.result.type = "Warn";
  my.result.title = "Lima is not where it is looked for";
  my.result.message = "Lima instances are to be started with " + missing.join(" and ") +
    ", and there is no such file on this Mac. You can go on and install Lima there later;" +
    " the instances then start at the next start of the Mac or login." +
    " If Lima is somewhere else, ask for a package that was built for that place.";
  return false;
}
