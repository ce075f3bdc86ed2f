//! A few values spread over many places, each with a sign: `y[n] = ±w[index(n)]`. Its gradient is the signed sum over the
//! places of each value.
//!
//! This is the linear map from the trainable values of a compressed layer to its kernel. The places of each value are
//! listed at the first backward pass, so that every sum is one thread's and has the same order for any thread count.

use std::sync::{Arc, OnceLock};

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor, WithDType};
use rayon::prelude::*;

use super::element::{Element, slice, with_slice};
use super::memory::Output;
use super::on_host;
use crate::{Result, tape};

/// The bit of an entry that says minus.
const MINUS: u32 = 1 << 31;
/// Entries or values per parallel piece.
const BLOCK: usize = 1 << 13;

/// Which value, with which sign, stands at which place.
#[derive(Debug)]
pub(crate) struct Table {
    /// One entry per place: the value's index, and [`MINUS`].
    entries: Vec<u32>,
    /// The number of values.
    values: usize,
    by_value: OnceLock<ByValue>,
    /// Indices and signs, (places) each, on the first device and in the first type that asked for them.
    on_device: OnceLock<(Tensor, Tensor)>,
}

/// The same, listed by value: places `starts[v]..starts[v + 1]`, each with [`MINUS`].
#[derive(Debug)]
struct ByValue {
    starts: Vec<u32>,
    places: Vec<u32>,
}

impl Table {
    /// Places in row-major order, each with a value's index below `values` and whether it is negated. At most 2³¹ of both.
    pub(crate) fn new(values: usize, places: impl Iterator<Item = (usize, bool)>) -> Self {
        let entries = places
            .map(|(value, minus)| {
                assert!(value < values, "a place names a value that does not exist");
                value as u32 | if minus { MINUS } else { 0 }
            })
            .collect();
        Self {
            entries,
            values,
            by_value: OnceLock::new(),
            on_device: OnceLock::new(),
        }
    }

    fn by_value(&self) -> &ByValue {
        self.by_value.get_or_init(|| {
            let mut starts = vec![0u32; self.values + 1];
            for entry in &self.entries {
                starts[(entry & !MINUS) as usize + 1] += 1;
            }
            for value in 0..self.values {
                starts[value + 1] += starts[value];
            }
            let mut next = starts.clone();
            let mut places = vec![0; self.entries.len()];
            for (place, entry) in self.entries.iter().enumerate() {
                let next = &mut next[(entry & !MINUS) as usize];
                places[*next as usize] = place as u32 | (entry & MINUS);
                *next += 1;
            }
            ByValue { starts, places }
        })
    }

    /// Indices and signs where `values` are and in their type, sent there once.
    fn on_device(&self, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let (device, dtype) = (values.device(), values.dtype());
        if let Some(both) = self.on_device.get()
            && both.0.device().same_device(device)
            && both.1.dtype() == dtype
        {
            return Ok(both.clone());
        }
        let index: Vec<u32> = self.entries.iter().map(|entry| entry & !MINUS).collect();
        let signs = self.entries.iter().map(|entry| match entry & MINUS {
            0 => 1f32,
            _ => -1.0,
        });
        let (signs, count): (Vec<f32>, usize) = (signs.collect(), self.entries.len());
        let index = Tensor::from_vec(index, count, device)?;
        let signs = Tensor::from_vec(signs, count, device)?.to_dtype(dtype)?;
        let both = (index, signs);
        // where another device was first, its lists stay
        let _ = self.on_device.set(both.clone());
        Ok(both)
    }

    /// The values at their places.
    fn spread<E: Element>(&self, values: &[E]) -> Vec<E> {
        let mut output = vec![E::default(); self.entries.len()];
        output
            .par_chunks_mut(BLOCK)
            .zip(self.entries.par_chunks(BLOCK))
            .for_each(|(output, entries)| {
                for (y, entry) in output.iter_mut().zip(entries) {
                    let value = values[(entry & !MINUS) as usize];
                    *y = if entry & MINUS == 0 {
                        value
                    } else {
                        E::default() - value
                    };
                }
            });
        output
    }

    /// The signed sums over the places of each value.
    fn collect<E: Element>(&self, gradient: &[E]) -> Vec<E> {
        let ByValue { starts, places } = self.by_value();
        let mut sums = vec![E::default(); self.values];
        let all = Output::new(&mut sums);
        (0..self.values.div_ceil(BLOCK))
            .into_par_iter()
            .for_each(|block| {
                let first = block * BLOCK;
                let count = BLOCK.min(self.values - first);
                // SAFETY: blocks share no value, and each is worked off by one thread.
                let sums = unsafe { all.slice(first, count) };
                for (sum, range) in sums
                    .iter_mut()
                    .zip(starts[first..=first + count].windows(2))
                {
                    for place in &places[range[0] as usize..range[1] as usize] {
                        let value = gradient[(place & !MINUS) as usize];
                        if place & MINUS == 0 {
                            *sum += value;
                        } else {
                            *sum -= value;
                        }
                    }
                }
            });
        sums
    }
}

/// The values of a tensor with as many of them as the table names, at the table's places: (places).
///
/// # Errors
/// Whatever candle refuses.
pub(crate) fn gather(values: &Tensor, table: &Arc<Table>) -> Result<Tensor> {
    if on_host(&[Some(values)]) {
        Ok(tape::apply1(
            &values.contiguous()?,
            Gather(Arc::clone(table)),
        )?)
    } else {
        portable(values, table)
    }
}

/// The same from candle's tensor operations, for other devices; a second reference in tests.
fn portable(values: &Tensor, table: &Table) -> Result<Tensor> {
    let (index, signs) = table.on_device(values)?;
    Ok((values.flatten_all()?.index_select(&index, 0)? * signs)?)
}

/// [`gather`] as an operation of candle's graph.
struct Gather(Arc<Table>);

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn cpu_fwd(
        &self,
        values: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        if layout.shape().elem_count() != self.0.values {
            candle_core::bail!(
                "a layer of {} values was given {:?}",
                self.0.values,
                layout.dims()
            )
        }
        let storage = match values.dtype() {
            DType::F64 => f64::to_cpu_storage_owned(self.0.spread::<f64>(slice(values, layout)?)),
            _ => f32::to_cpu_storage_owned(self.0.spread::<f32>(slice(values, layout)?)),
        };
        Ok((storage, self.0.entries.len().into()))
    }

    fn bwd(
        &self,
        values: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        macro_rules! collect {
            ($real:ty) => {{
                let sums = with_slice::<$real, _>(gradient, |g| Ok(self.0.collect(g)))?;
                Tensor::from_vec(sums, values.shape(), values.device())?
            }};
        }
        Ok(Some(match values.dtype() {
            DType::F64 => collect!(f64),
            _ => collect!(f32),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn agrees_with_candles_own_operations_forward_and_backward() {
        let (values, places) = (3000, 20_000);
        let table = Arc::new(Table::new(
            values,
            (0..places).map(|n| ((n * n + 7 * n) % values, n % 3 == 0)),
        ));
        let w: Vec<f64> = (0..values).map(|v| (v as f64 * 0.37).sin()).collect();
        let w = Var::from_vec(w, (values, 1), &Device::Cpu).unwrap();
        let weights: Vec<f64> = (0..places).map(|n| (n as f64 * 0.11).cos()).collect();
        let weights = Tensor::from_vec(weights, places, &Device::Cpu).unwrap();
        let run = |y: Tensor| {
            let loss = (&y * &weights).unwrap().sum_all().unwrap();
            let gradient = loss.backward().unwrap().get(&w).unwrap().clone();
            assert_eq!(gradient.dims(), [values, 1]);
            (
                y.to_vec1::<f64>().unwrap(),
                gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap(),
            )
        };
        let (found, expected) = (
            run(gather(&w, &table).unwrap()),
            run(portable(&w, &table).unwrap()),
        );
        assert_eq!(found.0, expected.0);
        for (a, b) in found.1.iter().zip(&expected.1) {
            assert!((a - b).abs() < 1e-13, "{a} and {b}");
        }
    }
}
