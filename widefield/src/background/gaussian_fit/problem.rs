//! The fit as least squares of a few numbers, made of sums over the image.

use super::super::moments::{Bell, Moments, POWERS};
use super::{GaussianFit, shape};
use crate::number::count;
use levenberg_marquardt::LeastSquaresProblem;
use nalgebra::storage::Owned;
use nalgebra::{Const, SMatrix, SVector};

/// Number of parameters.
pub(super) const N: usize = 7;

/// Which of them is the offset.
pub(super) const OFFSET: usize = 6;

/// Parameters in the order amplitude, x0, y0, sigma_x, sigma_y, theta, offset.
pub(super) type Parameters = SVector<f64, N>;

/// The fit as a problem of 8 residuals instead of one per pixel.
///
/// With `J` the derivatives and `r` the residuals of all pixels, `J = Q R` gives a problem with the
/// same steps whose derivatives are `R` and whose residuals are `Q' r` and the length of what is left
/// of `r`. `R` is the Cholesky factor of `J' J`, which one pass over the image accumulates.
pub(super) struct Problem<'a> {
    pixels: &'a [f64],
    width: usize,
    parameters: Parameters,
    residuals: SVector<f64, 8>,
    jacobian: SMatrix<f64, 8, N>,
    residual_squared: f64,
    offset_is_held: bool,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        pixels: &'a [f64],
        width: usize,
        parameters: Parameters,
        offset_is_held: bool,
    ) -> Self {
        let (residuals, jacobian) = (SVector::zeros(), SMatrix::zeros());
        let mut problem = Self {
            pixels,
            width,
            parameters,
            residuals,
            jacobian,
            residual_squared: f64::NAN,
            offset_is_held,
        };
        problem.update();
        problem
    }

    fn update(&mut self) {
        let [amplitude, x0, y0, sigma_x, sigma_y, theta, offset] = self.parameters.data.0[0];
        let [a, b, c] = shape(sigma_x, sigma_y, theta);
        let bell = Bell {
            x0,
            y0,
            a,
            b,
            c,
            scale_x: sigma_x.abs(),
            scale_y: sigma_y.abs(),
        };
        let moments = Moments::of(self.pixels, self.width, &bell, amplitude, offset);
        let mut basis = basis(&self.parameters, &bell);
        if self.offset_is_held {
            // A derivative of 0: no step changes it.
            basis[(OFFSET, OFFSET)] = 0.0;
        }
        let (normal, gradient) = normal_equations(&moments, count(self.pixels.len()), &basis);
        let (factor, projected) = factorise(&normal, &gradient);
        self.residual_squared = moments.residual_squared;
        self.jacobian.fixed_rows_mut::<N>(0).copy_from(&factor);
        self.residuals.fixed_rows_mut::<N>(0).copy_from(&projected);
        // Not f64::max, which would turn NaN into 0.
        let rest = moments.residual_squared - projected.norm_squared();
        self.residuals[N] = if rest < 0.0 { 0.0 } else { rest.sqrt() };
    }

    pub(super) fn fit(&self, unit: f64, evaluations: usize) -> GaussianFit {
        use std::f64::consts::{FRAC_PI_2, PI};
        let [amplitude, x0, y0, sigma_x, sigma_y, theta, offset] = self.parameters.data.0[0];
        // Turning by pi changes nothing.
        let theta = theta.rem_euclid(PI);
        let theta = if theta > FRAC_PI_2 { theta - PI } else { theta };
        let residual_rms = (self.residual_squared / count(self.pixels.len())).sqrt() * unit;
        let (amplitude, offset) = (amplitude * unit, offset * unit);
        let (sigma_x, sigma_y) = (sigma_x.abs(), sigma_y.abs());
        GaussianFit {
            amplitude,
            x0,
            y0,
            sigma_x,
            sigma_y,
            theta,
            offset,
            evaluations,
            residual_rms,
        }
    }
}

impl LeastSquaresProblem<f64, Const<8>, Const<N>> for Problem<'_> {
    type ResidualStorage = Owned<f64, Const<8>>;
    type JacobianStorage = Owned<f64, Const<8>, Const<N>>;
    type ParameterStorage = Owned<f64, Const<N>>;

    fn set_params(&mut self, parameters: &Parameters) {
        // After a step that did not help, the minimiser goes back to where it was to end there.
        if self.parameters != *parameters {
            self.parameters = *parameters;
            self.update();
        }
    }

    fn params(&self) -> Parameters {
        self.parameters
    }

    fn residuals(&self) -> Option<SVector<f64, 8>> {
        self.residuals
            .iter()
            .all(|value| value.is_finite())
            .then_some(self.residuals)
    }

    fn jacobian(&self) -> Option<SMatrix<f64, 8, N>> {
        self.jacobian
            .iter()
            .all(|value| value.is_finite())
            .then_some(self.jacobian)
    }
}

/// Derivatives of the model by its parameters (columns) as sums of basis functions (rows): `e u^i v^j`
/// in the order of [`POWERS`], then 1.
fn basis(parameters: &Parameters, bell: &Bell) -> SMatrix<f64, N, N> {
    let [amplitude, _, _, sigma_x, sigma_y, theta, _] = parameters.data.0[0];
    let &Bell {
        a,
        b,
        c,
        scale_x: x,
        scale_y: y,
        ..
    } = bell;
    let (sin, cos) = theta.sin_cos();
    let (cube_x, cube_y) = (sigma_x.powi(3), sigma_y.powi(3));
    let (p, q) = (0.5 / (sigma_x * sigma_x), 0.5 / (sigma_y * sigma_y));
    // Derivatives of (a, b, c) by sigma_x, sigma_y and theta.
    let by_sigma_x = [-cos * cos / cube_x, sin * cos / cube_x, -sin * sin / cube_x];
    let by_sigma_y = [
        -sin * sin / cube_y,
        -sin * cos / cube_y,
        -cos * cos / cube_y,
    ];
    let by_theta = [
        2.0 * sin * cos * (q - p),
        (cos * cos - sin * sin) * (q - p),
        2.0 * sin * cos * (p - q),
    ];

    let mut basis = SMatrix::zeros();
    basis[(0, 0)] = 1.0;
    // d/dx0 of the exponent -(a dx^2 + 2 b dx dy + c dy^2) is 2 a dx + 2 b dy, with dx = x u, dy = y v.
    basis[(1, 1)] = amplitude * 2.0 * a * x;
    basis[(2, 1)] = amplitude * 2.0 * b * y;
    basis[(1, 2)] = amplitude * 2.0 * b * x;
    basis[(2, 2)] = amplitude * 2.0 * c * y;
    for (column, [da, db, dc]) in [(3, by_sigma_x), (4, by_sigma_y), (5, by_theta)] {
        basis[(3, column)] = -amplitude * da * x * x;
        basis[(4, column)] = -amplitude * 2.0 * db * x * y;
        basis[(5, column)] = -amplitude * dc * y * y;
    }
    basis[(6, 6)] = 1.0;
    basis
}

/// `J' J` and `J' r`.
fn normal_equations(
    moments: &Moments,
    n_pixels: f64,
    basis: &SMatrix<f64, N, N>,
) -> (SMatrix<f64, N, N>, Parameters) {
    let mut products = SMatrix::<f64, N, N>::zeros();
    let mut with_residual = Parameters::zeros();
    for (row, (i, j)) in POWERS.into_iter().enumerate() {
        for (column, (k, l)) in POWERS.into_iter().enumerate() {
            products[(row, column)] = moments.bell_squared[i + k][j + l];
        }
        products[(row, 6)] = moments.bell[i][j];
        products[(6, row)] = moments.bell[i][j];
        with_residual[row] = moments.residual_bell[i][j];
    }
    products[(6, 6)] = n_pixels;
    with_residual[6] = moments.residual;
    (
        basis.transpose() * products * basis,
        basis.transpose() * with_residual,
    )
}

/// Upper triangular `R` with `R' R = normal`, and `q` with `R' q = gradient`.
///
/// A column that depends on those before it, as that of the angle while both sigmas are equal, has a
/// pivot that is nothing but rounding; its row of `R` becomes zero.
fn factorise(
    normal: &SMatrix<f64, N, N>,
    gradient: &Parameters,
) -> (SMatrix<f64, N, N>, Parameters) {
    const DEPENDENT: f64 = 1e-14;
    let mut factor = SMatrix::<f64, N, N>::zeros();
    let mut projected = Parameters::zeros();
    for i in 0..N {
        let mut pivot = normal[(i, i)];
        let mut right = gradient[i];
        for k in 0..i {
            pivot -= factor[(k, i)] * factor[(k, i)];
            right -= factor[(k, i)] * projected[k];
        }
        if pivot <= DEPENDENT * normal[(i, i)] {
            continue;
        }
        let root = pivot.sqrt();
        factor[(i, i)] = root;
        projected[i] = right / root;
        for j in i + 1..N {
            let mut value = normal[(i, j)];
            for k in 0..i {
                value -= factor[(k, i)] * factor[(k, j)];
            }
            factor[(i, j)] = value / root;
        }
    }
    (factor, projected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependent_column_is_left_out() {
        // J' J = [2 2; 2 2]: the second column repeats the first, so its row of R is zero.
        let mut normal = SMatrix::<f64, N, N>::identity();
        let mut gradient = Parameters::zeros();
        normal.fixed_view_mut::<2, 2>(0, 0).fill(2.0);
        gradient.fixed_rows_mut::<2>(0).fill(4.0);
        let (factor, projected) = factorise(&normal, &gradient);
        assert!((factor[(0, 1)] - 2.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!((factor[(1, 1)], projected[1]), (0.0, 0.0));
        assert!((factor.transpose() * factor - normal).amax() < 1e-15);
    }
}
