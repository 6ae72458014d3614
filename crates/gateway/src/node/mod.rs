//! A running gateway: workers, listeners, reload, drain, upgrade, logs and metrics.
