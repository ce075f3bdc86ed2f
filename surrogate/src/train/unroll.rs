//! Training over several steps of the network on its own predictions (task `propagate`).
//!
//! From the given snapshots `h₁ … h_K` (normalised, K of them) step j = 1 … n predicts `o_j = f(h_j … h_{j+K−1}, medium)`, and the next
//! input is `h_{K+j} = h_{K+j−1} + (σ_Δ/σ_u)·o_j` for increments, `o_j` for next snapshots. It is compared as a change from the
//! *true* snapshot before, `p_j = o_j + (p_{j−1} − t_{j−1})` for increments (`p_j − t_j` is then the error of the snapshot in units of σ_Δ),
//! `p_j = o_j` for next snapshots. The loss is `(1/n) Σ ℓ(p_j, t_j)`, differentiated through all n steps, or with `pushforward` the last
//! term alone, differentiated through the last step alone (Brandstetter, Worrall, Welling, arXiv:2202.03376, section 3.1).
//!
//! Each step is recorded on a tape of its own with its input as a variable; going back, gradients of inputs are handed to the
//! steps that predicted them here, by the two formulas above. So the work grows with n, not with n². Where given snapshots carry
//! noise η, `p_0 − t_0 = (σ_u/σ_Δ)·η_K`: the network is to predict the true snapshot from a wrong one.
//! Shapes: inputs `(B, K (+ 1), x, y)`, targets `(B, n, x, y)`, predictions `(B, 1, x, y)`.

use super::gradient::{add, of_prediction};
use crate::network::Network;
use crate::parameters::Parameters;
use crate::scheme::hash::{Use, hash};
use crate::tape::Tape;
use crate::task::propagate::{Propagate, Target};
use crate::{Result, SurrogateError};
use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};

/// Training over several steps.
pub(super) struct Unrolled<'a> {
    pub(super) network: &'a dyn Network,
    pub(super) parameters: &'a Parameters,
    pub(super) task: &'a Propagate,
    /// Steps n, at least 1.
    pub(super) steps: usize,
    /// Whether the last step alone is differentiated.
    pub(super) pushforward: bool,
}

/// One step that is to be differentiated.
struct Recorded {
    input: Tensor,
    output: Tensor,
    tape: Tape,
    /// Gradient of the loss by `p_j`.
    direct: Tensor,
}

impl Unrolled<'_> {
    /// The loss over all steps and the gradients of the parameters. `offset` is `p_0 − t_0`, where it is not zero;
    /// `forward_done` is called between both passes.
    pub(super) fn differentiate(
        &self,
        loss: &dyn Fn(&Tensor, &Tensor) -> Result<Tensor>,
        input: &Tensor,
        targets: &Tensor,
        offset: Option<&Tensor>,
        seed: u64,
        forward_done: &dyn Fn() -> Result<()>,
    ) -> Result<(Tensor, GradStore)> {
        let history = self.task.history();
        let channels = input.dim(1)?;
        let medium = (channels > history)
            .then(|| input.narrow(1, history, channels - history))
            .transpose()?;
        let mut snapshots = (0..history)
            .map(|k| input.narrow(1, k, 1))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let mut error = offset.cloned();
        let mut recorded: Vec<Recorded> = Vec::new();
        let mut total: Option<Tensor> = None;
        for step in 0..self.steps {
            let mut maps: Vec<&Tensor> = snapshots[step..].iter().collect();
            maps.extend(&medium);
            let input = Tensor::cat(&maps, 1)?;
            // the first input is given, and pushforward goes back no further than the last
            let input = match step > 0 && !self.pushforward {
                true => Var::from_tensor(&input)?.into_inner(),
                false => input,
            };
            let seed = match step {
                0 => seed,
                _ => hash(seed, Use::Noise, step),
            };
            let (output, tape) = Tape::record(|| self.network.forward_in_training(&input, seed))?;
            let target = targets.narrow(1, step, 1)?;
            let free = output.detach();
            let prediction = match (self.task.target(), &error) {
                (Target::Increment, Some(error)) => (&free + error)?,
                _ => free.clone(),
            };
            error = Some(self.task.clear(&(&prediction - &target)?)?);
            if step + 1 < self.steps {
                let last = snapshots.last().ok_or_else(no_history)?;
                snapshots.push(self.next(last, &free)?);
            }
            if self.pushforward && step + 1 < self.steps {
                continue;
            }
            let (value, direct) =
                of_prediction(&prediction, |prediction| loss(prediction, &target))?;
            total = Some(match total {
                Some(total) => (total + value)?,
                None => value,
            });
            recorded.push(Recorded {
                input,
                output,
                tape,
                direct,
            });
        }
        let count = recorded.len();
        let total = (total.ok_or_else(no_history)? / count as f64)?;
        forward_done()?;
        Ok((total, self.back(recorded)?))
    }

    /// The next normalised snapshot after `last`, from the network's output.
    fn next(&self, last: &Tensor, output: &Tensor) -> Result<Tensor> {
        let next = match self.task.target() {
            Target::Increment => (last + (output * self.task.increment_in_deviations())?)?,
            Target::Next => output.clone(),
        };
        Ok(self.task.fill_displacement_outside(&next)?)
    }

    /// The gradients of the mean of all recorded steps' losses.
    fn back(&self, recorded: Vec<Recorded>) -> Result<GradStore> {
        let (history, count) = (self.task.history(), recorded.len());
        let mut sum = GradStore::default();
        // by the snapshot that step j predicts, from the inputs of later steps and, for increments, the snapshot after it
        let mut of_snapshots: Vec<Option<Tensor>> = vec![None; count];
        let mut of_error: Option<Tensor> = None;
        for (step, recorded) in recorded.into_iter().enumerate().rev() {
            let Recorded {
                input,
                output,
                tape,
                direct,
            } = recorded;
            let direct = (direct / count as f64)?;
            let of_prediction = match (self.task.target(), of_error.take()) {
                (Target::Increment, Some(later)) => (direct + later)?,
                _ => direct,
            };
            let mut of_output = of_prediction.clone();
            of_error = Some(self.task.clear(&of_prediction)?);
            if let Some(of_snapshot) = of_snapshots[step].take() {
                let of_snapshot = self.task.clear(&of_snapshot)?;
                of_output = match self.task.target() {
                    Target::Increment => {
                        let scale = self.task.increment_in_deviations();
                        let of_output = (of_output + (&of_snapshot * scale)?)?;
                        if step > 0 {
                            accumulate(&mut of_snapshots[step - 1], of_snapshot)?;
                        }
                        of_output
                    }
                    Target::Next => (of_output + of_snapshot)?,
                };
            }
            let mut gradients = tape.backward(output, of_output)?;
            if let Some(of_input) = gradients.remove(&input) {
                // channel k holds snapshot step + k; those from `history` on were predicted, by step − history + k
                for k in (0..history).filter(|k| step + k >= history) {
                    accumulate(
                        &mut of_snapshots[step + k - history],
                        of_input.narrow(1, k, 1)?,
                    )?;
                }
            }
            add(self.parameters, &mut sum, gradients)?;
        }
        Ok(sum)
    }
}

fn accumulate(sum: &mut Option<Tensor>, more: Tensor) -> Result<()> {
    *sum = Some(match sum.take() {
        Some(sum) => (sum + more)?,
        None => more,
    });
    Ok(())
}

fn no_history() -> SurrogateError {
    SurrogateError::Shape {
        place: "unrolled training".into(),
        found: "no snapshot or no step".into(),
        expected: "at least one of each".into(),
        remedy: "report this: it is a defect of fewave".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkConfig;
    use crate::network::Channels;
    use crate::task::{Amplitude, Domain, Normalisation, PropagateConfig};
    use crate::train::loss::relative_l2;
    use candle_core::{DType, Device};
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    fn wave(shape: [usize; 4], pace: f64) -> Tensor {
        let count = shape.iter().product::<usize>();
        let values: Vec<f64> = (0..count).map(|n| (pace * n as f64).sin()).collect();
        Tensor::from_vec(values, &shape, &Device::Cpu).unwrap()
    }

    fn task(target: Target, domain: Option<Domain>) -> Propagate {
        let constants = Normalisation {
            displacement_mean: 0.3,
            displacement_std: 2.0,
            increment_std: 0.5,
            speed_mean: 3.0,
            speed_std: 4.0,
            velocity_std: None,
            source_rms: None,
        };
        let config = PropagateConfig {
            history: 2,
            medium: true,
            target,
            amplitude: Amplitude::default(),
        };
        Propagate::new(config, constants).within(domain)
    }

    fn domain() -> Option<Domain> {
        Domain::new(&Array2::from_shape_fn((4, 6), |at| at != (1, 2)))
    }

    fn network(dtype: DType) -> (Box<dyn Network>, Parameters) {
        let text = r#"{"kind":"unet","width":3,"depth":1,"norm":"none","scheme":{"kind":"dense"}}"#;
        let config: NetworkConfig = serde_json::from_str(text).unwrap();
        let mut parameters = Parameters::new(dtype, &Device::Cpu);
        let channels = Channels {
            inputs: 3,
            outputs: 1,
        };
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let network = config
            .build(channels, 2, &mut parameters, &mut random)
            .unwrap();
        (network, parameters)
    }

    /// Physical snapshots `(B, time, x, y)` as inputs and targets say them, for three targets.
    fn samples(task: &Propagate) -> (Tensor, Tensor) {
        let physical = wave([2, 5, 4, 6], 0.37);
        let normal = ((&physical - 0.3).unwrap() / 2.0).unwrap();
        let given = task
            .fill_displacement_outside(&normal.narrow(1, 0, 2).unwrap())
            .unwrap();
        let input = Tensor::cat(&[given, wave([2, 1, 4, 6], 0.11)], 1).unwrap();
        let next = |tensor: &Tensor, from| tensor.narrow(1, from, 3).unwrap();
        let targets = match task.target() {
            Target::Next => next(&normal, 2),
            Target::Increment => {
                ((next(&physical, 2) - next(&physical, 1)).unwrap() / 0.5).unwrap()
            }
        };
        (input, task.clear(&targets).unwrap())
    }

    /// The loss by its words: physical rollouts of the network, compared as changes from the true snapshots, in candle's graph.
    fn slow(task: &Propagate, network: &dyn Network, steps: usize) -> Tensor {
        let physical = wave([2, 5, 4, 6], 0.37);
        let at = |n: usize| physical.narrow(1, n, 1).unwrap();
        let medium = wave([2, 1, 4, 6], 0.11);
        let mut snapshots = vec![at(0), at(1)];
        let mut total: Option<Tensor> = None;
        for step in 0..steps {
            let normal = |u: &Tensor| {
                let u = ((u - 0.3).unwrap() / 2.0).unwrap();
                task.fill_displacement_outside(&u).unwrap()
            };
            let input = [
                normal(&snapshots[step]),
                normal(&snapshots[step + 1]),
                medium.clone(),
            ];
            let output = network
                .forward_in_training(&Tensor::cat(&input, 1).unwrap(), 0)
                .unwrap();
            let (truth, before) = (at(step + 2), at(step + 1));
            let (next, prediction, target) = match task.target() {
                Target::Increment => {
                    let next = (&snapshots[step + 1] + (output * 0.5).unwrap()).unwrap();
                    let change = |u: &Tensor| ((u - &before).unwrap() / 0.5).unwrap();
                    (next.clone(), change(&next), change(&truth))
                }
                Target::Next => {
                    let next = ((&output * 2.0).unwrap() + 0.3).unwrap();
                    let target = ((&truth - 0.3).unwrap() / 2.0).unwrap();
                    (next, output, target)
                }
            };
            // outside, the true snapshot: what a rollout puts there is never seen
            let next = (task.clear(&(next - &truth).unwrap()).unwrap() + &truth).unwrap();
            snapshots.push(next);
            let loss = relative_l2(&prediction, &target, task.domain()).unwrap();
            total = Some(match total {
                Some(total) => (total + loss).unwrap(),
                None => loss,
            });
        }
        (total.unwrap() / steps as f64).unwrap()
    }

    #[test]
    fn loss_and_gradients_are_those_of_the_whole_graph() {
        for (target, domain) in [
            (Target::Increment, None),
            (Target::Next, None),
            (Target::Increment, domain()),
            (Target::Next, domain()),
        ] {
            let (network, parameters) = network(DType::F64);
            let task = task(target, domain);
            let (input, targets) = samples(&task);
            for steps in [1, 2, 3] {
                let unrolled = Unrolled {
                    network: network.as_ref(),
                    parameters: &parameters,
                    task: &task,
                    steps,
                    pushforward: false,
                };
                let loss = |p: &Tensor, t: &Tensor| Ok(relative_l2(p, t, task.domain())?);
                let (value, found) = unrolled
                    .differentiate(&loss, &input, &targets, None, 0, &|| Ok(()))
                    .unwrap();
                let whole = slow(&task, network.as_ref(), steps);
                let number = |of: &Tensor| of.to_scalar::<f64>().unwrap();
                assert!((number(&value) - number(&whole)).abs() < 1e-12);
                let expected = whole.backward().unwrap();
                for (name, variable) in parameters.iter() {
                    let flat = |store: &GradStore| {
                        let gradient = store.get(variable).unwrap();
                        gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap()
                    };
                    for (a, b) in flat(&found).iter().zip(flat(&expected)) {
                        assert!(
                            (a - b).abs() < 1e-11,
                            "{target:?}, {steps} steps, {name}: {a} and {b}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn pushforward_is_one_step_from_where_the_network_led() {
        let (network, parameters) = network(DType::F64);
        let task = task(Target::Next, None);
        let (input, targets) = samples(&task);
        let of = |steps, pushforward, input: &Tensor, targets: &Tensor| {
            let unrolled = Unrolled {
                network: network.as_ref(),
                parameters: &parameters,
                task: &task,
                steps,
                pushforward,
            };
            let loss = |p: &Tensor, t: &Tensor| Ok(relative_l2(p, t, None)?);
            unrolled
                .differentiate(&loss, input, targets, None, 0, &|| Ok(()))
                .unwrap()
        };
        let (value, found) = of(2, true, &input, &targets);
        let predicted = network.forward(&input).unwrap().detach();
        let moved = [
            input.narrow(1, 1, 1).unwrap(),
            predicted,
            input.narrow(1, 2, 1).unwrap(),
        ];
        let moved = Tensor::cat(&moved, 1).unwrap();
        let (expected, gradients) = of(1, false, &moved, &targets.narrow(1, 1, 1).unwrap());
        let number = |of: &Tensor| of.to_scalar::<f64>().unwrap();
        assert_eq!(number(&value), number(&expected));
        for (name, variable) in parameters.iter() {
            let flat = |store: &GradStore| {
                let gradient = store.get(variable).unwrap();
                gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap()
            };
            assert_eq!(flat(&found), flat(&gradients), "{name}");
        }
    }

    #[test]
    fn an_offset_is_the_error_that_the_first_step_is_to_mend() {
        let (network, parameters) = network(DType::F64);
        let task = task(Target::Increment, None);
        let (input, targets) = samples(&task);
        let targets = targets.narrow(1, 0, 1).unwrap();
        let unrolled = Unrolled {
            network: network.as_ref(),
            parameters: &parameters,
            task: &task,
            steps: 1,
            pushforward: false,
        };
        let mse = |p: &Tensor, t: &Tensor| Ok((p - t)?.sqr()?.mean_all()?);
        let offset = wave([2, 1, 4, 6], 0.7);
        let (found, _) = unrolled
            .differentiate(&mse, &input, &targets, Some(&offset), 0, &|| Ok(()))
            .unwrap();
        let prediction = network.forward(&input).unwrap();
        let expected = mse(&prediction, &(&targets - &offset).unwrap()).unwrap();
        let number = |of: &Tensor| of.to_scalar::<f64>().unwrap();
        assert!((number(&found) - number(&expected)).abs() < 1e-12);
    }
}
