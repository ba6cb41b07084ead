"""Images from a folder of sources. It knows no App, git or cluster."""
