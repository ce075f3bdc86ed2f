//! The two floating-point types that every kernel is written for once.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use pulp::Simd;
use pulp::bytemuck::Pod;

use crate::simd::{Packs, Registers};

/// `f64` or `f32`. Fused multiply-add is part of the contract: it rounds once on every machine, so that a trajectory has
/// the same bits whatever vector width computed it.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Pod
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
{
    /// 0.
    const ZERO: Self;
    /// How many trajectories fill one 512-bit register.
    const LANES: usize;
    /// Packs of this type that fill a register.
    type Registers<S: Simd>: Packs<Self>;
    /// Those packs for an instruction set.
    fn registers<S: Simd>(simd: S) -> Self::Registers<S>;
    /// The nearest value of this type.
    fn from_f64(value: f64) -> Self;
    /// The same value as `f64`.
    fn to_f64(self) -> f64;
    /// `self · factor + summand`, rounded once.
    fn mul_add(self, factor: Self, summand: Self) -> Self;
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const LANES: usize = 8;
    type Registers<S: Simd> = Registers<S>;
    #[inline(always)]
    fn registers<S: Simd>(simd: S) -> Registers<S> {
        Registers(simd)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        f64::mul_add(self, factor, summand)
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const LANES: usize = 16;
    type Registers<S: Simd> = Registers<S>;
    #[inline(always)]
    fn registers<S: Simd>(simd: S) -> Registers<S> {
        Registers(simd)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, summand: Self) -> Self {
        f32::mul_add(self, factor, summand)
    }
}
