"""LeakageAudit: examples -> proof that none of them carries its request's future."""
