// Installer's check before the installation (Distribution, installation-check).
// A warning and not a stop: Lima may come later, from a device management or
// from a person.
function installationCheck() {
  var limactl = "/opt/homebrew/bin/limactl";
  var instance = "k3s";
  if (system.files.fileExistsAtPath(limactl)) {
    return true;
  }
  my.result.type = "Warn";
  my.result.title = "Lima is not where it is looked for";
  my.result.message = "The Lima instance " + instance + " is to be started with " + limactl +
    ", and there is no such file on this Mac. You can go on and install Lima there later;" +
    " the instance then starts at the next start of the Mac." +
    " If Lima is somewhere else, ask for a package that was built for that place.";
  return false;
}
