"""The formats of templates: f-strings, Jinja, Mustache."""
