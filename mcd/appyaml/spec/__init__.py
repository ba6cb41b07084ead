"""AppSpec and its parts: an App with nothing left open, frozen."""
