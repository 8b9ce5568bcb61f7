"""Data sets from their hosts, or from where a person put them: downloaded, verified, unpacked."""
