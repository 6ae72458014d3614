//! Which backends may be used: probes, what connections tell, ejection and slow start.
