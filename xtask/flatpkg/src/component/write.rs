use super::*;
/// x
pub fn write_component<S: Read + Write + Seek, W: Write>(
    component: &Component,
    created: u32,
    signer: Option<&dyn Signer>,
    spool: &mut S,
    out: &mut W,
) -> Result<Summary, Error> {
    let _ = (created, signer, spool, out);
    Err(Error::Component { component: component.identifier.clone(), source: ComponentError::Empty })
}
