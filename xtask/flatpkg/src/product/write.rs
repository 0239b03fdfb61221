use super::*;
/// x
pub fn write_product<S: Read + Write + Seek, W: Write>(
    product: &Product,
    created: u32,
    signer: Option<&dyn Signer>,
    spool: &mut S,
    out: &mut W,
) -> Result<Summary, Error> {
    let _ = (created, signer, spool, out);
    Err(Error::Product { product: product.identifier.clone(), source: ProductError::NoComponent })
}
