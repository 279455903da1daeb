"""What the tests are made of: sheets, ledgers, servers, and runs that can be killed."""
