//! x
use crate::Error;
use crate::made::Files;
use crate::trials::Trials;
use widefield_pipeline::consumer::Session;
pub(crate) fn folder(seed: &str) -> String {
    format!("corr_{seed}")
}
pub(crate) fn make(
    _: &Session<'_>,
    _: &Trials<'_>,
    _: &crate::areas::AreaFile,
    _: &mut Files<'_>,
) -> Result<(), Error> {
    Ok(())
}
