//! Loss and gradients of one batch: of one pass through the network, and of several that are averaged.

use crate::Result;
use crate::network::Network;
use crate::parameters::Parameters;
use crate::tape::Tape;
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

/// The loss of a network in training, and the gradients of its parameters (and of the input, where that is a variable). `forward_done` is called between both passes.
pub(crate) fn differentiate(
    network: &dyn Network,
    loss: impl FnOnce(&Tensor) -> Result<Tensor>,
    input: &Tensor,
    seed: u64,
    forward_done: impl FnOnce() -> Result<()>,
) -> Result<(Tensor, GradStore)> {
    let (output, tape) = Tape::record(|| network.forward_in_training(input, seed))?;
    let (value, gradient) = of_prediction(&output, loss)?;
    forward_done()?;
    Ok((value, tape.backward(output, gradient)?))
}

/// A loss's value and its gradient by the prediction.
pub(super) fn of_prediction(
    prediction: &Tensor,
    loss: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<(Tensor, Tensor)> {
    let prediction = Var::from_tensor(prediction)?;
    let value = loss(&prediction)?;
    let gradient = match value.backward()?.remove(&prediction) {
        Some(gradient) => gradient,
        None => prediction.zeros_like()?,
    };
    Ok((value, gradient))
}

/// Adds the gradients of all parameters in `more` to those in `sum`.
pub(super) fn add(parameters: &Parameters, sum: &mut GradStore, mut more: GradStore) -> Result<()> {
    for (_, variable) in parameters.iter() {
        let gradient = match (sum.remove(variable), more.remove(variable)) {
            (Some(a), Some(b)) => (a + b)?,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => continue,
        };
        sum.insert(variable, gradient);
    }
    Ok(())
}

/// Divides the gradients of all parameters.
pub(super) fn divide(parameters: &Parameters, sum: &mut GradStore, count: usize) -> Result<()> {
    for (_, variable) in parameters.iter() {
        if let Some(gradient) = sum.remove(variable) {
            sum.insert(variable, (gradient / count as f64)?);
        }
    }
    Ok(())
}
