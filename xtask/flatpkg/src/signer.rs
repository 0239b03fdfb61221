//! What the xar writer asks of whoever holds the key.
//!
//! Must not know: where keys live, how CMS is encoded, what is signed beyond a
//! digest. The writer reserves the slots before it knows the digest, so both
//! lengths are asked first; each signing method is called exactly once per
//! package, so a hardware key is touched twice.

use std::error::Error;

/// Signs the digest of a package's table of contents.
pub trait Signer {
    /// The certificates in DER, the signing one first, then its issuers up to
    /// and including the root.
    fn certificates(&self) -> &[Vec<u8>];

    /// The exact length of [`sign_rsa`](Self::sign_rsa)'s result, in bytes:
    /// 256 for an RSA key of 2048 bits.
    fn rsa_signature_len(&self) -> usize;

    /// How many bytes to reserve for [`sign_cms`](Self::sign_cms)'s result; the
    /// rest is filled with zeros. Apple's tools reserve 9216.
    fn cms_slot_len(&self) -> usize;

    /// Signs `toc_digest`, the 20 bytes of SHA-1 over the compressed table of
    /// contents, with PKCS#1 v1.5. The digest *is* the signed hash: it goes into
    /// the DigestInfo as it stands and is not hashed again.
    ///
    /// # Errors
    /// Whatever the key's keeper reports; the writer adds which signature it was.
    fn sign_rsa(&self, toc_digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// A DER-encoded CMS `SignedData`, detached, whose content is `toc_digest`.
    ///
    /// # Errors
    /// Whatever the key's keeper reports; the writer adds which signature it was.
    fn sign_cms(&self, toc_digest: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;
}
