//! Sines, directions and lengths of vectors, in integers.

use crate::model::{Angle, Length, TURN, Vector};

/// 1 in the numbers of [`sin`] and [`cos`].
pub const ONE: i32 = 1 << 14;

/// A quarter turn of sines, and the first of the next quarter.
static SINES: [i16; 257] = sines();

/// The sines by their series, in 1/2³⁰; the compiler computes them, so no machine can have others.
const fn sines() -> [i16; 257] {
    const PI: i64 = 3_373_259_426; // π × 2³⁰
    let mut table = [0i16; 257];
    let mut i = 0;
    while i <= 256 {
        let x = PI * i as i64 / 512;
        let square = (x * x) >> 30;
        let mut term = x;
        let mut sum = x;
        let mut k = 1;
        while k < 8 {
            term = -((term * square) >> 30) / ((2 * k) * (2 * k + 1));
            sum += term;
            k += 1;
        }
        table[i] = ((sum + (1 << 15)) >> 16) as i16;
        i += 1;
    }
    table
}

/// The sine of an angle, from -[`ONE`] to [`ONE`].
#[must_use]
pub fn sin(angle: Angle) -> i32 {
    let angle = usize::from(angle) & (TURN as usize - 1);
    let (quarter, rest) = (angle >> 8, angle & 255);
    let sine = if quarter & 1 == 0 { SINES[rest] } else { SINES[256 - rest] };
    if quarter & 2 == 0 { i32::from(sine) } else { -i32::from(sine) }
}

/// The cosine of an angle, from -[`ONE`] to [`ONE`].
#[must_use]
pub fn cos(angle: Angle) -> i32 {
    sin(angle.wrapping_add(TURN as u16 / 4))
}

/// A vector of a length in the direction of an angle.
#[must_use]
pub fn along(angle: Angle, length: Length) -> Vector {
    let part = |share: i32| ((i64::from(share) * i64::from(length)) >> 14) as Length;
    Vector { x: part(cos(angle)), y: part(sin(angle)) }
}

/// The angle of a vector, the nearest below. 0 for no direction.
#[must_use]
pub fn angle_of(vector: Vector) -> Angle {
    if vector == Vector::default() {
        return 0;
    }
    // Turned into the first quarter, where the angle is the greatest whose direction is not past the vector.
    let (quarter, x, y) = match (vector.x > 0, vector.y >= 0) {
        (true, true) => (0, vector.x, vector.y),
        (false, _) if vector.y > 0 => (1, vector.y, -vector.x),
        (false, _) if vector.x < 0 => (2, -vector.x, -vector.y),
        _ => (3, -vector.y, vector.x),
    };
    let (mut low, mut high) = (0usize, 256usize);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        let (sine, cosine) = (i64::from(SINES[middle]), i64::from(SINES[256 - middle]));
        if cosine * i64::from(y) >= sine * i64::from(x) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (quarter * 256 + low) as Angle & (TURN as u16 - 1)
}

/// The length of a vector, rounded down.
#[must_use]
pub fn length(vector: Vector) -> Length {
    squared(vector).isqrt() as Length
}

/// The square of the length of a vector.
#[must_use]
pub fn squared(vector: Vector) -> u64 {
    let (x, y) = (u64::from(vector.x.unsigned_abs()), u64::from(vector.y.unsigned_abs()));
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_are_right_to_the_last_of_fourteen_bits() {
        for angle in 0..TURN as u16 {
            let exact = f64::from(angle) * core::f64::consts::TAU / f64::from(TURN);
            assert!((f64::from(sin(angle)) - exact.sin() * f64::from(ONE)).abs() <= 1.0, "sine of {angle}");
            assert!((f64::from(cos(angle)) - exact.cos() * f64::from(ONE)).abs() <= 1.0, "cosine of {angle}");
        }
    }

    #[test]
    fn the_angle_of_a_direction_is_the_angle_that_it_was_made_with() {
        for angle in 0..TURN as u16 {
            let found = angle_of(along(angle, 1 << 20));
            let difference = (found.wrapping_sub(angle)) & 1023;
            assert!(difference == 0 || difference == 1023 || difference == 1, "{angle} became {found}");
        }
        assert_eq!(angle_of(Vector::default()), 0);
    }

    #[test]
    fn lengths_round_down() {
        assert_eq!(length(Vector { x: 3, y: -4 }), 5);
        assert_eq!(length(Vector { x: 1 << 20, y: 1 << 20 }), 1_482_910);
        assert_eq!(length(Vector { x: i32::MIN, y: i32::MIN }) as u32, 3_037_000_499);
    }
}
