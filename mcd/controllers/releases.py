"""Makes a Release ready: read the commit, compile, build, pin by digest."""
