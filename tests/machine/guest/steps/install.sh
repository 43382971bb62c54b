# The package on a machine that never had it: both services run, and nothing is allowed.
dpkg --install /machine/in/mini-mcp.deb
. ./steps/deployed.sh
