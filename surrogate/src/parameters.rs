//! The trainable numbers of a network: an ordered store of named candle variables on one device and of one type.
//!
//! Names are paths separated by dots (`encoder.0.weight`); the order is that of creation, so that an optimiser's moments
//! and a checkpoint's tensors line up from run to run. Values are drawn on the host from the caller's generator, in
//! f64, and then converted: a seed gives the same network on every device.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Device, Shape, Tensor, Var};
use rand::Rng;
use rand_distr::StandardNormal;

use crate::scheme::folding::Executions;
use crate::{Result, SurrogateError};

/// What to do about tensors that do not fit a network.
pub(crate) const OTHER_NETWORK: &str =
    "the file belongs to another network: use the config that it was trained with";

/// An ordered store of named trainable variables.
#[derive(Debug, Clone)]
pub struct Parameters {
    dtype: DType,
    device: Device,
    entries: Vec<(String, Var)>,
    index: HashMap<String, usize>,
    /// Values to take instead of drawing them; the store is then for prediction only.
    given: Option<HashMap<String, Tensor>>,
    /// How layers that are for prediction only are run; there if values are given.
    executions: Option<Arc<Executions>>,
}

impl Parameters {
    /// An empty store whose variables will have this type and live on this device.
    pub fn new(dtype: DType, device: &Device) -> Self {
        Self {
            dtype,
            device: device.clone(),
            entries: Vec::new(),
            index: HashMap::new(),
            given: None,
            executions: None,
        }
    }

    /// A store for prediction only, of f32: a layer built on it gets the tensor of its parameter's name, on this device,
    /// and no operation on it is kept for differentiation. Nothing is drawn or allocated before the shapes are compared,
    /// so the values may come from a file that is not trusted.
    pub fn frozen(values: HashMap<String, Tensor>, device: &Device) -> Self {
        Self {
            given: Some(values),
            executions: Some(Arc::default()),
            ..Self::new(DType::F32, device)
        }
    }

    /// How the layers built on a [`frozen`](Self::frozen) store are run.
    pub(crate) fn executions(&self) -> Option<Arc<Executions>> {
        self.executions.clone()
    }

    /// Checks that a network built on a [`frozen`](Self::frozen) store has used every value.
    ///
    /// # Errors
    /// [`SurrogateError::Parameter`] naming the first value left over.
    pub fn check_all_taken(&self) -> Result<()> {
        match self.given.iter().flat_map(HashMap::keys).min() {
            None => Ok(()),
            Some(name) => Err(SurrogateError::Parameter {
                name: name.clone(),
                found: "a tensor that the network does not have".into(),
                expected: format!("the {} tensors of the network only", self.entries.len()),
                remedy: OTHER_NETWORK.into(),
            }),
        }
    }

    /// Takes a given value out, if the store is frozen.
    fn take(&mut self, name: &str, shape: &Shape) -> Result<Option<Tensor>> {
        let Some(given) = &mut self.given else {
            return Ok(None);
        };
        let found = match given.remove(name) {
            Some(value) if value.shape() == shape && value.dtype() == self.dtype => {
                self.insert(name.to_owned(), &value)?;
                return Ok(self.get(name).map(Var::as_detached_tensor));
            }
            Some(value) => format!("{:?} of {:?}", value.dims(), value.dtype()),
            None => "nothing".into(),
        };
        Err(SurrogateError::Parameter {
            name: name.to_owned(),
            found,
            expected: format!("{:?} of {:?}", shape.dims(), self.dtype),
            remedy: OTHER_NETWORK.into(),
        })
    }

    /// The type of every variable.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The device that holds every variable.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The place under which the next variables are created: their names start with `name` and a dot.
    pub fn scope(&mut self, name: impl AsRef<str>) -> Scope<'_> {
        Scope {
            prefix: format!("{}.", name.as_ref()),
            parameters: self,
        }
    }

    /// The place without a prefix.
    pub fn root(&mut self) -> Scope<'_> {
        Scope {
            prefix: String::new(),
            parameters: self,
        }
    }

    /// Names in order of creation.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Names and variables in order of creation.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Var)> {
        self.entries
            .iter()
            .map(|(name, variable)| (name.as_str(), variable))
    }

    /// The variable of this name.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.index
            .get(name)
            .map(|&position| &self.entries[position].1)
    }

    /// The number of trainable reals.
    pub fn count(&self) -> usize {
        self.entries
            .iter()
            .map(|(_, variable)| variable.elem_count())
            .sum()
    }

    /// The values by name, detached from training: what a checkpoint stores (bit for bit, through safetensors).
    pub fn tensors(&self) -> HashMap<String, Tensor> {
        self.entries
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_detached_tensor()))
            .collect()
    }

    /// Replaces the value of every variable by the tensor of its name, bit for bit.
    ///
    /// # Errors
    /// [`SurrogateError::Parameter`] if a tensor is missing, left over, or of another shape or type. Nothing is changed then.
    pub fn assign(&self, values: &HashMap<String, Tensor>) -> Result<()> {
        for (name, variable) in &self.entries {
            let refuse = |found: String| SurrogateError::Parameter {
                name: name.clone(),
                found,
                expected: format!("{:?} of {:?}", variable.shape().dims(), self.dtype),
                remedy:
                    "the file belongs to another network: use the config that it was trained with"
                        .into(),
            };
            let value = values.get(name).ok_or_else(|| refuse("nothing".into()))?;
            if value.shape() != variable.shape() || value.dtype() != self.dtype {
                return Err(refuse(format!("{:?} of {:?}", value.dims(), value.dtype())));
            }
        }
        if let Some(name) = values
            .keys()
            .filter(|name| !self.index.contains_key(*name))
            .min()
        {
            return Err(SurrogateError::Parameter {
                name: name.clone(),
                found: "a tensor that the network does not have".into(),
                expected: format!("the {} tensors of the network only", self.entries.len()),
                remedy:
                    "the file belongs to another network: use the config that it was trained with"
                        .into(),
            });
        }
        for (name, variable) in &self.entries {
            variable.set(&values[name].to_device(&self.device)?)?;
        }
        Ok(())
    }

    fn insert(&mut self, name: String, value: &Tensor) -> Result<Var> {
        if self.index.contains_key(&name) {
            return Err(SurrogateError::Parameter {
                name,
                found: "a second variable of this name".into(),
                expected: "distinct names".into(),
                remedy: "create it under a scope of its own".into(),
            });
        }
        let variable = Var::from_tensor(&value.to_dtype(self.dtype)?.to_device(&self.device)?)?;
        self.index.insert(name.clone(), self.entries.len());
        self.entries.push((name, variable.clone()));
        Ok(variable)
    }
}

/// A place in a [`Parameters`] store: the variables made here share a prefix.
#[derive(Debug)]
pub struct Scope<'a> {
    parameters: &'a mut Parameters,
    prefix: String,
}

impl Scope<'_> {
    /// A place below this one.
    pub fn scope(&mut self, name: impl AsRef<str>) -> Scope<'_> {
        Scope {
            prefix: format!("{}{}.", self.prefix, name.as_ref()),
            parameters: self.parameters,
        }
    }

    /// The type of every variable.
    pub fn dtype(&self) -> DType {
        self.parameters.dtype
    }

    /// The device that holds every variable.
    pub fn device(&self) -> &Device {
        &self.parameters.device
    }

    /// A variable drawn from N(0, `deviation`²).
    ///
    /// # Errors
    /// [`SurrogateError::Parameter`] if the name is taken.
    pub fn normal(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        deviation: f64,
        rng: &mut impl Rng,
    ) -> Result<Tensor> {
        let shape = shape.into();
        let count = shape.elem_count();
        self.with(name, shape, || {
            (0..count)
                .map(|_| deviation * rng.sample::<f64, _>(StandardNormal))
                .collect()
        })
    }

    /// A variable that starts from the values (row-major, as many as the shape has) that `values` makes. It is not called where
    /// the value is given: nothing is made before the shapes are compared.
    ///
    /// # Errors
    /// [`SurrogateError::Parameter`] if the name is taken.
    pub fn with(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        values: impl FnOnce() -> Vec<f64>,
    ) -> Result<Tensor> {
        let shape = shape.into();
        if let Some(value) = self
            .parameters
            .take(&format!("{}{name}", self.prefix), &shape)?
        {
            return Ok(value);
        }
        self.add(name, &Tensor::from_vec(values(), shape, &Device::Cpu)?)
    }

    /// Whether values are given and not drawn: the layers built here are for prediction only.
    pub fn is_frozen(&self) -> bool {
        self.parameters.given.is_some()
    }

    /// How layers that are for prediction only are run.
    pub(crate) fn executions(&self) -> Option<Arc<Executions>> {
        self.parameters.executions()
    }

    /// A variable filled with `value`.
    ///
    /// # Errors
    /// [`SurrogateError::Parameter`] if the name is taken.
    pub fn constant(&mut self, name: &str, shape: impl Into<Shape>, value: f64) -> Result<Tensor> {
        let (shape, name) = (shape.into(), format!("{}{name}", self.prefix));
        if let Some(value) = self.parameters.take(&name, &shape)? {
            return Ok(value);
        }
        Ok(self
            .parameters
            .insert(name, &Tensor::full(value, shape, &Device::Cpu)?)?
            .into_inner())
    }

    /// A variable that starts from `value`. The returned tensor shares its storage: it follows every update.
    ///
    /// # Errors
    /// [`SurrogateError::Parameter`] if the name is taken.
    pub fn add(&mut self, name: &str, value: &Tensor) -> Result<Tensor> {
        let name = format!("{}{name}", self.prefix);
        if let Some(value) = self.parameters.take(&name, value.shape())? {
            return Ok(value);
        }
        Ok(self.parameters.insert(name, value)?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    fn store() -> Parameters {
        let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut encoder = parameters.scope("encoder");
        encoder
            .scope("1")
            .normal("weight", (2, 3), 0.5, &mut rng)
            .unwrap();
        encoder.scope("0").constant("bias", 4, 0.25).unwrap();
        parameters
    }

    #[test]
    fn keeps_the_order_of_creation_and_counts_reals() {
        let parameters = store();
        assert_eq!(
            parameters.names().collect::<Vec<_>>(),
            ["encoder.1.weight", "encoder.0.bias"]
        );
        assert_eq!(parameters.count(), 10);
        assert_eq!(
            parameters
                .get("encoder.0.bias")
                .unwrap()
                .to_vec1::<f32>()
                .unwrap(),
            [0.25; 4]
        );
        assert!(parameters.get("encoder.2.bias").is_none());
    }

    #[test]
    fn a_layer_sees_updates_of_its_variables() {
        let mut parameters = Parameters::new(DType::F64, &Device::Cpu);
        let held = parameters.root().constant("bias", 2, 0.0).unwrap();
        parameters
            .get("bias")
            .unwrap()
            .set(&Tensor::new(&[1.0f64, 2.0], &Device::Cpu).unwrap())
            .unwrap();
        assert_eq!(held.to_vec1::<f64>().unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn values_go_through_a_file_bit_for_bit() {
        let (saved, other) = (store(), store());
        let path = tempfile::tempdir().unwrap();
        let path = path.path().join("weights.safetensors");
        let odd = Tensor::new(
            &[f32::MIN_POSITIVE / 2.0, -0.0, 1e-30, f32::MAX],
            &Device::Cpu,
        )
        .unwrap();
        saved.get("encoder.0.bias").unwrap().set(&odd).unwrap();
        candle_core::safetensors::save(&saved.tensors(), &path).unwrap();
        other
            .assign(&candle_core::safetensors::load(&path, &Device::Cpu).unwrap())
            .unwrap();
        for ((_, a), (_, b)) in saved.iter().zip(other.iter()) {
            let bits = |v: &Var| {
                let values = v.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                values.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(bits(a), bits(b));
        }
    }

    #[test]
    fn refuses_doubled_missing_left_over_and_misshapen_tensors() {
        let mut parameters = store();
        let doubled = parameters
            .scope("encoder")
            .scope("0")
            .constant("bias", 4, 0.0)
            .unwrap_err()
            .to_string();
        assert!(
            doubled.contains("encoder.0.bias") && doubled.contains("second"),
            "{doubled}"
        );
        let mut values = parameters.tensors();
        values.insert("head".into(), values["encoder.0.bias"].clone());
        let left_over = parameters.assign(&values).unwrap_err().to_string();
        assert!(left_over.contains("'head'"), "{left_over}");
        values.remove("head");
        values.insert(
            "encoder.0.bias".into(),
            Tensor::zeros(5, DType::F32, &Device::Cpu).unwrap(),
        );
        let misshapen = parameters.assign(&values).unwrap_err().to_string();
        assert!(
            misshapen.contains("[5]") && misshapen.contains("[4]"),
            "{misshapen}"
        );
        values.remove("encoder.0.bias");
        let missing = parameters.assign(&values).unwrap_err().to_string();
        assert!(
            missing.contains("encoder.0.bias") && missing.contains("nothing"),
            "{missing}"
        );
    }

    #[test]
    fn a_frozen_store_hands_out_values_that_are_not_tracked() {
        let values = store().tensors();
        let mut frozen = Parameters::frozen(values.clone(), &Device::Cpu);
        let mut rng = ChaCha12Rng::seed_from_u64(9);
        let wrong =
            frozen
                .scope("encoder")
                .scope("1")
                .normal("weight", (1 << 40, 1 << 20), 0.5, &mut rng);
        let wrong = wrong.unwrap_err().to_string();
        assert!(
            wrong.contains("encoder.1.weight") && wrong.contains("[2, 3]"),
            "{wrong}"
        );
        let mut frozen = Parameters::frozen(values.clone(), &Device::Cpu);
        let weight = frozen
            .scope("encoder")
            .scope("1")
            .normal("weight", (2, 3), 0.5, &mut rng)
            .unwrap();
        let expected = values["encoder.1.weight"].to_vec2::<f32>().unwrap();
        assert_eq!(weight.to_vec2::<f32>().unwrap(), expected);
        assert!(!(weight * 2.0).unwrap().track_op());
        assert!(
            frozen
                .check_all_taken()
                .unwrap_err()
                .to_string()
                .contains("encoder.0.bias")
        );
        let missing = frozen
            .scope("encoder")
            .constant("scale", 3, 1.0)
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("encoder.scale") && missing.contains("nothing"),
            "{missing}"
        );
        frozen
            .scope("encoder")
            .scope("0")
            .constant("bias", 4, 0.0)
            .unwrap();
        frozen.check_all_taken().unwrap();
    }
}
