//! Settings that are read and that nothing carries out yet. Who writes one relies on it, so a gateway does not start with
//! it, and says so.

use super::{Config, ConfigError, ListenerLimits, Mode, Probe, Problem, RouteLimits};

const WHAT: &str = "is not carried out yet: leave it out";

impl Config {
    /// Whether all that it says is carried out.
    ///
    /// # Errors
    ///
    /// Names each setting that is not, so that nobody relies on it.
    pub fn is_ready(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let mut refuse = |is_set: bool, key: String| {
            if is_set {
                problems.push(Problem::new(key, WHAT));
            }
        };
        let usual = ListenerLimits::default();
        for (name, listener) in &self.listeners {
            let key = |key: &str| format!("listeners.{name}.{key}");
            let is_tunnel = listener.mode == Mode::Tunnel;
            let limits = &listener.limits;
            refuse(listener.udp, key("udp"));
            refuse(is_tunnel && listener.proxy_protocol.is_some(), key("proxy_protocol"));
            refuse(is_tunnel && limits.head_bytes_max != usual.head_bytes_max, key("limits.head_bytes_max"));
            refuse(is_tunnel && limits.head_timeout != usual.head_timeout, key("limits.head_timeout"));
            refuse(is_tunnel && limits.hello_timeout != usual.hello_timeout, key("limits.hello_timeout"));
        }
        for (name, pool) in &self.pools {
            if let Probe::Websocket(probe) = &pool.health.probe {
                refuse(probe.host.is_some(), format!("pools.{name}.health.probe.websocket.host"));
            }
        }
        for (index, route) in self.routes.iter().enumerate() {
            let key = |key: &str| format!("routes.{index}.{key}");
            let usual = RouteLimits::default().buffer_bytes_max;
            refuse(route.limits.buffer_bytes_max != usual, key("limits.buffer_bytes_max"));
            refuse(!route.http2_websockets, key("http2_websockets"));
            refuse(route.per_message.is_some(), key("per_message"));
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Flags, PerMessage};

    #[test]
    fn what_is_not_carried_out_is_named_and_what_is_usual_is_not() {
        let address = "127.0.0.1:9000".parse().unwrap();
        let flags = Flags { listen: vec![address], backends: vec![address], ..Flags::default() };
        let mut config = Config::from_flags(&flags).unwrap();
        assert_eq!(config.is_ready(), Ok(()));
        config.listeners.values_mut().for_each(|listener| listener.udp = true);
        config.routes[0].per_message = Some(PerMessage { field: "game".to_owned(), backends_max: 8 });
        let error = config.is_ready().unwrap_err().to_string();
        assert_eq!(
            error,
            "listeners.plain.udp: is not carried out yet: leave it out\n\
             routes.0.per_message: is not carried out yet: leave it out"
        );
    }
}
