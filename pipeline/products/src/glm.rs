//! x
use crate::Error;
use crate::made::Files;
use crate::trials::Trials;
use widefield_pipeline::consumer::Session;
pub(crate) const FOLDER: &str = "glm";
pub(crate) fn make(_: &Session<'_>, _: &Trials<'_>, _: &mut Files<'_>) -> Result<(), Error> {
    Ok(())
}
