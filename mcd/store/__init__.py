"""The only room that speaks SQL: reads, intents of people, leases of controllers, events, secrets."""
