//! The backward pass of a network: our operations are differentiated here, whatever lies between them by candle.
//!
//! candle adds every gradient of an operation to a fresh tensor of zeros, on one thread; for maps that costs as much as small
//! layers. While a [`Tape`] records, operations applied through this module are noted beside candle's graph. Going back, the
//! gradient of a map that one operation used is handed on as it is, those of several are added by all threads, and each map is
//! freed when it is done with. A tensor that candle made in between (a kernel put together from factors) takes its gradient `g`
//! back by candle, as the derivative of `Σ g·t`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use crate::host;
use crate::pieces::in_pieces;

thread_local! {
    static TAPE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// The operations of one forward pass, in order.
#[derive(Default)]
pub(crate) struct Tape {
    entries: Vec<Entry>,
}

struct Entry {
    operation: Operation,
    result: Tensor,
}

type Shared<T> = Arc<Box<T>>;

/// An operation and its arguments.
enum Operation {
    One(Shared<dyn CustomOp1 + Send + Sync>, Tensor),
    Two(Shared<dyn CustomOp2 + Send + Sync>, [Tensor; 2]),
    Three(Shared<dyn CustomOp3 + Send + Sync>, [Tensor; 3]),
}

/// Applies an operation of one argument.
pub(crate) fn apply1(
    a: &Tensor,
    operation: impl CustomOp1 + Send + Sync + 'static,
) -> Result<Tensor> {
    let operation: Shared<dyn CustomOp1 + Send + Sync> = Arc::new(Box::new(operation));
    let result = a.apply_op1_arc(Arc::clone(&operation))?;
    record(&result, || Operation::One(operation, a.clone()));
    Ok(result)
}

/// Applies an operation of two arguments.
pub(crate) fn apply2(
    a: &Tensor,
    b: &Tensor,
    operation: impl CustomOp2 + Send + Sync + 'static,
) -> Result<Tensor> {
    let operation: Shared<dyn CustomOp2 + Send + Sync> = Arc::new(Box::new(operation));
    let result = a.apply_op2_arc(b, Arc::clone(&operation))?;
    record(&result, || {
        Operation::Two(operation, [a.clone(), b.clone()])
    });
    Ok(result)
}

/// Applies an operation of three arguments.
pub(crate) fn apply3(
    a: &Tensor,
    b: &Tensor,
    c: &Tensor,
    operation: impl CustomOp3 + Send + Sync + 'static,
) -> Result<Tensor> {
    let operation: Shared<dyn CustomOp3 + Send + Sync> = Arc::new(Box::new(operation));
    let result = a.apply_op3_arc(b, c, Arc::clone(&operation))?;
    record(&result, || {
        Operation::Three(operation, [a.clone(), b.clone(), c.clone()])
    });
    Ok(result)
}

fn record(result: &Tensor, operation: impl FnOnce() -> Operation) {
    if !result.track_op() {
        return;
    }
    TAPE.with_borrow_mut(|tape| {
        if let Some(tape) = tape {
            tape.entries.push(Entry {
                operation: operation(),
                result: result.clone(),
            });
        }
    });
}

/// Ends a recording, also when the forward pass fails or panics; one that it interrupted goes on. (While a thread of the pool waits
/// for the others it may do another pass, which begins and ends in between.)
struct Recording(Option<Tape>);

impl Drop for Recording {
    fn drop(&mut self) {
        TAPE.set(self.0.take());
    }
}

impl Tape {
    /// Records the operations that `forward` applies on this thread.
    pub(crate) fn record<T, E>(
        forward: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, Self), E> {
        let recording = Recording(TAPE.replace(Some(Self::default())));
        let result = forward()?;
        let tape = TAPE.take().unwrap_or_default();
        drop(recording);
        Ok((result, tape))
    }

    /// Bytes of the maps that it holds, each once and without variables, and those of the largest.
    pub(crate) fn held(&self) -> (usize, usize) {
        let mut seen = HashSet::new();
        let (mut sum, mut largest) = (0, 0);
        for Entry { operation, result } in &self.entries {
            let arguments: &[Tensor] = match operation {
                Operation::One(_, a) => std::slice::from_ref(a),
                Operation::Two(_, both) => both,
                Operation::Three(_, all) => all,
            };
            for tensor in arguments.iter().chain([result]) {
                if !tensor.is_variable() && seen.insert(tensor.id()) {
                    let bytes = tensor.elem_count() * tensor.dtype().size_in_bytes();
                    sum += bytes;
                    largest = largest.max(bytes);
                }
            }
        }
        (sum, largest)
    }

    /// The gradients of all variables, from that of `output`. What the caller still holds of the maps stays in memory.
    pub(crate) fn backward(mut self, output: Tensor, gradient: Tensor) -> Result<GradStore> {
        let mut gradients = Gradients {
            results: self.entries.iter().map(|entry| entry.result.id()).collect(),
            store: GradStore::default(),
        };
        gradients.add(&output, gradient)?;
        drop(output);
        while let Some(Entry { operation, result }) = self.entries.pop() {
            let Some(gradient) = gradients.store.remove(&result) else {
                continue;
            };
            match &operation {
                Operation::One(operation, a) => {
                    gradients.collect([(a, operation.bwd(a, &result, &gradient)?)])?;
                }
                Operation::Two(operation, [a, b]) => {
                    let (of_a, of_b) = operation.bwd(a, b, &result, &gradient)?;
                    gradients.collect([(a, of_a), (b, of_b)])?;
                }
                Operation::Three(operation, [a, b, c]) => {
                    let (of_a, of_b, of_c) = operation.bwd(a, b, c, &result, &gradient)?;
                    gradients.collect([(a, of_a), (b, of_b), (c, of_c)])?;
                }
            }
        }
        Ok(gradients.store)
    }
}

/// Gradients of variables, and of results that are still to be differentiated.
struct Gradients {
    results: HashSet<candle_core::TensorId>,
    store: GradStore,
}

impl Gradients {
    fn collect<const N: usize>(&mut self, parts: [(&Tensor, Option<Tensor>); N]) -> Result<()> {
        for (tensor, gradient) in parts {
            if let Some(gradient) = gradient {
                self.add(tensor, gradient)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, tensor: &Tensor, gradient: Tensor) -> Result<()> {
        let gradient = gradient.detach();
        if tensor.is_variable() || self.results.contains(&tensor.id()) {
            let sum = match self.store.remove(tensor) {
                Some(other) => sum(&other, &gradient)?,
                None => gradient,
            };
            self.store.insert(tensor, sum);
        } else if tensor.track_op() {
            let product = (tensor * &gradient)?.sum_all()?;
            self.store.extend(product.backward()?)?;
        }
        Ok(())
    }
}

fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.elem_count() > BLOCK && host::serves(&[a, b]) {
        a.contiguous()?.apply_op2_no_bwd(&b.contiguous()?, &Sum)
    } else {
        a + b
    }
}

/// Values per parallel piece.
const BLOCK: usize = 1 << 14;

/// `a + b` of contiguous tensors of one shape, by all threads.
struct Sum;

impl CustomOp2 for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        macro_rules! sum {
            ($real:ty, $variant:ident) => {{
                let (a, b) = (values::<$real>(a, a_layout)?, values::<$real>(b, b_layout)?);
                let sums = in_pieces(a.len(), BLOCK, |piece, sums: &mut [$real]| {
                    let (start, length) = (piece * BLOCK, sums.len());
                    let (a, b) = (&a[start..][..length], &b[start..][..length]);
                    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                        *sum = a + b;
                    }
                });
                CpuStorage::$variant(sums)
            }};
        }
        let sums = match a {
            CpuStorage::F64(_) => sum!(f64, F64),
            _ => sum!(f32, F32),
        };
        Ok((sums, a_layout.shape().clone()))
    }
}

fn values<'a, T: candle_core::WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("a gradient is not contiguous")
    };
    Ok(&storage.as_slice::<T>()?[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Channels, Homogeneous};
    use crate::{NetworkConfig, Parameters};
    use candle_core::{DType, Device, Var};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    /// The gradients of `Σ w·network(x)` by the tape and by candle alone.
    fn compare(network: &str, relative: bool, dtype: DType, tolerance: f64) {
        let config: NetworkConfig = serde_json::from_str(network).unwrap();
        let mut parameters = Parameters::new(dtype, &Device::Cpu);
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let channels = Channels {
            inputs: 2,
            outputs: 2,
        };
        let mut network = config
            .build(channels, 2, &mut parameters, &mut random)
            .unwrap();
        if relative {
            network = Box::new(Homogeneous::new(network, 1));
        }
        let wave = |shape: [usize; 4], pace: f64| {
            let count = shape.iter().product::<usize>();
            let values: Vec<f64> = (0..count).map(|n| (pace * n as f64).sin()).collect();
            Tensor::from_vec(values, &shape, &Device::Cpu)
                .unwrap()
                .to_dtype(dtype)
                .unwrap()
        };
        let input = Var::from_tensor(&wave([2, 2, 16, 24], 0.37)).unwrap();
        let weights = wave([2, 2, 16, 24], 0.11);
        let (output, tape) = Tape::record(|| network.forward_in_training(&input, 3)).unwrap();
        // else candle would differentiate the whole network
        assert_eq!(tape.entries.last().unwrap().result.id(), output.id());
        let found = tape.backward(output, weights.clone()).unwrap();
        let output = network.forward_in_training(&input, 3).unwrap();
        let expected = (output * weights).unwrap().sum_all().unwrap();
        let expected = expected.backward().unwrap();
        let named = parameters.iter().chain([("input", &input)]);
        for (name, variable) in named {
            let values = |store: &GradStore| {
                let gradient = store.get(variable).unwrap_or_else(|| panic!("{name}"));
                let gradient = gradient.to_dtype(DType::F64).unwrap();
                gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap()
            };
            let (found, expected) = (values(&found), values(&expected));
            let scale = expected.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() <= tolerance * scale, "{name}: {a} and {b}");
            }
        }
    }

    #[test]
    fn agrees_with_candle_on_every_scheme_and_network() {
        for scheme in [
            r#"{"kind":"dense"}"#,
            r#"{"kind":"one-way","form":"kernel","rank":1}"#,
            r#"{"kind":"one-way","form":"filter","rank":2}"#,
            r#"{"kind":"one-way","form":"layer","rank_ratio":1.0}"#,
            r#"{"kind":"flattened","chains":2,"inner_bias":true}"#,
            r#"{"kind":"structured"}"#,
            r#"{"kind":"structured","ternary":true}"#,
            r#"{"kind":"fresh","compression":4}"#,
        ] {
            for network in [
                format!(r#"{{"kind":"unet","width":4,"depth":2,"scheme":{scheme},"norm":"none"}}"#),
                format!(r#"{{"kind":"unet","width":4,"depth":1,"scheme":{scheme}}}"#),
                format!(r#"{{"kind":"cnn","width":4,"blocks":2,"scheme":{scheme}}}"#),
            ] {
                compare(&network, false, DType::F64, 1e-11);
                compare(&network, true, DType::F64, 1e-11);
            }
        }
    }

    #[test]
    fn adds_the_gradients_of_a_map_that_is_used_twice_and_of_what_candle_makes_of_it() {
        let x = Var::from_vec((0..40_000).map(f64::from).collect(), 40_000, &Device::Cpu).unwrap();
        let (y, tape) = Tape::record(|| {
            let a = apply1(&x, Double)?;
            let (b, c) = (apply1(&a, Double)?, apply1(&a, Double)?);
            let between = ((&b + &c)? * 0.5)?;
            apply2(&apply1(&between, Double)?, &a, Plus)
        })
        .unwrap();
        let gradients = tape.backward(y, x.ones_like().unwrap()).unwrap();
        // y = 2·(2·2x) + 2x
        let found = gradients.get(&x).unwrap().to_vec1::<f64>().unwrap();
        assert!(found.iter().all(|&g| g == 10.0), "{}", found[0]);
    }

    #[test]
    fn nothing_is_recorded_without_a_tape_or_after_a_failure() {
        let x = Var::new(&[1.0f64], &Device::Cpu).unwrap();
        let failed: Result<((), Tape)> = Tape::record(|| {
            apply1(&x, Double)?;
            candle_core::bail!("no")
        });
        assert!(failed.is_err());
        apply1(&x, Double).unwrap();
        assert!(TAPE.take().is_none());
    }

    struct Double;

    impl CustomOp1 for Double {
        fn name(&self) -> &'static str {
            "double"
        }

        fn cpu_fwd(&self, a: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
            let doubled = values::<f64>(a, layout)?.iter().map(|v| 2.0 * v).collect();
            Ok((CpuStorage::F64(doubled), layout.shape().clone()))
        }

        fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
            Ok(Some((gradient * 2.0)?))
        }
    }

    struct Plus;

    impl CustomOp2 for Plus {
        fn name(&self) -> &'static str {
            "plus"
        }

        fn cpu_fwd(
            &self,
            a: &CpuStorage,
            a_layout: &Layout,
            b: &CpuStorage,
            b_layout: &Layout,
        ) -> Result<(CpuStorage, Shape)> {
            Sum.cpu_fwd(a, a_layout, b, b_layout)
        }

        fn bwd(
            &self,
            _: &Tensor,
            _: &Tensor,
            _: &Tensor,
            gradient: &Tensor,
        ) -> Result<(Option<Tensor>, Option<Tensor>)> {
            Ok((Some(gradient.clone()), Some(gradient.clone())))
        }
    }
}
