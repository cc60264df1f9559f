//! The Gaussian fit with a residual and seven derivatives for every pixel.

use crate::number::count;
use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt, MinimizationReport};
use nalgebra::storage::Owned;
use nalgebra::{Const, DVector, Dyn, Matrix, OMatrix, SVector};
use ndarray::ArrayView2;

/// Parameters `[amplitude, x0, y0, sigma_x, sigma_y, theta, offset]` of the Gaussian fitted to `image`
/// `(y, x)` from the start `from`, and whether the search says it has converged.
///
/// The model and the parameters are those of [`crate::GaussianFit`], as the search leaves them: sigmas
/// may be negative, the angle any. Memory for 57 numbers a pixel and more.
pub fn gaussian_fit(image: ArrayView2<'_, f64>, from: [f64; 7]) -> ([f64; 7], bool) {
    let problem = Problem {
        image,
        parameters: from.into(),
    };
    let (problem, report): (_, MinimizationReport<f64>) =
        LevenbergMarquardt::new().minimize(problem);
    (
        problem.parameters.data.0[0],
        report.termination.was_successful(),
    )
}

struct Problem<'a> {
    image: ArrayView2<'a, f64>,
    parameters: SVector<f64, 7>,
}

impl Problem<'_> {
    /// Model and its derivatives by the parameters at column `x`, row `y`.
    fn at(&self, x: usize, y: usize) -> (f64, [f64; 7]) {
        let [amplitude, x0, y0, sigma_x, sigma_y, theta, offset] = self.parameters.data.0[0];
        let (sin, cos) = theta.sin_cos();
        let (dx, dy) = (count(x) - x0, count(y) - y0);
        // Distances along the axes of the Gaussian, in sigmas.
        let (u, v) = (
            (cos * dx - sin * dy) / sigma_x,
            (sin * dx + cos * dy) / sigma_y,
        );
        let e = (-0.5 * (u * u + v * v)).exp();
        let bell = amplitude * e;
        let derivatives = [
            e,
            bell * (u * cos / sigma_x + v * sin / sigma_y),
            bell * (v * cos / sigma_y - u * sin / sigma_x),
            bell * u * u / sigma_x,
            bell * v * v / sigma_y,
            bell * u * v * (sigma_y / sigma_x - sigma_x / sigma_y),
            1.0,
        ];
        (offset + bell, derivatives)
    }
}

impl LeastSquaresProblem<f64, Dyn, Const<7>> for Problem<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Const<7>>;
    type ParameterStorage = Owned<f64, Const<7>>;

    fn set_params(&mut self, parameters: &SVector<f64, 7>) {
        self.parameters = *parameters;
    }

    fn params(&self) -> SVector<f64, 7> {
        self.parameters
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let residuals = self
            .image
            .indexed_iter()
            .map(|((y, x), value)| self.at(x, y).0 - value);
        Some(DVector::from_iterator(self.image.len(), residuals))
    }

    fn jacobian(&self) -> Option<OMatrix<f64, Dyn, Const<7>>> {
        let rows: Vec<[f64; 7]> = self
            .image
            .indexed_iter()
            .map(|((y, x), _)| self.at(x, y).1)
            .collect();
        Some(Matrix::<f64, Dyn, Const<7>, _>::from_fn(
            rows.len(),
            |row, column| rows[row][column],
        ))
    }
}
