"""The web portal: server-rendered pages over the same reads and intents as the API."""
