print("appname: hello\nenv:\n  A: " + "x" * 32768 + "\n  B: " + "x" * 32769 + "\ncomponents: {web: {type: web}}")
