"""Checks of model, metric and benchmark plugins (`itbench check`), and templates for new ones (`itbench new`)."""
