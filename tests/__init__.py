"""The tests: one folder that is a package, so that tests share helpers by plain imports."""
