// Installer's check before the installation (Distribution, installation-check).
// A stop: the package is to find limactl, and would fail later.
function installationCheck() {
  var instance = "k3s";
  var places = [
    "/opt/homebrew/bin/limactl",
    "/usr/local/bin/limactl",
    "/opt/local/bin/limactl"
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
