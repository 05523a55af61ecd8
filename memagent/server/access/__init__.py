"""Access: keys, tenants, rates, sizes and hosts, checked before a request is handled."""
