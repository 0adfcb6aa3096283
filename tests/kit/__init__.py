"""Helpers of the tests: toy recordings, commands in this process and others, servers, files as labs write them."""
