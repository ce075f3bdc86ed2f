//! Values at the nodes of one cell.

/// One value per node, in the order of the nodes.
pub(super) trait Tile<V>: Copy {
    /// The same value at every node.
    fn filled(value: V) -> Self;
    /// All values.
    fn values(&self) -> &[V];
    /// All values.
    fn values_mut(&mut self) -> &mut [V];
}

/// Corners of a triangle.
impl<V: Copy> Tile<V> for [V; 3] {
    #[inline(always)]
    fn filled(value: V) -> Self {
        [value; 3]
    }
    #[inline(always)]
    fn values(&self) -> &[V] {
        self
    }
    #[inline(always)]
    fn values_mut(&mut self) -> &mut [V] {
        self
    }
}

/// Nodes of a quadrilateral, `[eta][xi]`.
impl<V: Copy, const N: usize> Tile<V> for [[V; N]; N] {
    #[inline(always)]
    fn filled(value: V) -> Self {
        [[value; N]; N]
    }
    #[inline(always)]
    fn values(&self) -> &[V] {
        self.as_flattened()
    }
    #[inline(always)]
    fn values_mut(&mut self) -> &mut [V] {
        self.as_flattened_mut()
    }
}
