//! Which implementation of cryptography TLS uses.

/// Makes ring the process's provider of TLS cryptography. Idempotent, and called by [`super::Remote::new`]: only
/// what builds TLS clients by itself has to call it first.
pub fn install_tls() {
    // An error means that a provider is installed already: ours, or the choice of whoever embeds this library.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
