//! Connected pixels, across sides.

use ndarray::Array2;

/// Masks all kept pixels but the largest connected part.
pub(super) fn keep_largest(kept: &mut Array2<bool>) {
    let mut part = Array2::from_elem(kept.dim(), 0_usize);
    let mut sizes = vec![0];
    let mut largest = 0;
    let mut todo = Vec::new();
    for ((y, x), _) in kept.indexed_iter().filter(|&(_, &kept)| kept) {
        if part[(y, x)] > 0 {
            continue;
        }
        let number = sizes.len();
        let mut size = 0;
        part[(y, x)] = number;
        todo.push((y, x));
        while let Some(place) = todo.pop() {
            size += 1;
            for next in neighbours(place, kept.dim()) {
                if kept[next] && part[next] == 0 {
                    part[next] = number;
                    todo.push(next);
                }
            }
        }
        sizes.push(size);
        if size > sizes[largest] {
            largest = number;
        }
    }
    kept.zip_mut_with(&part, |kept, &part| *kept &= part == largest);
}

/// Keeps what masked pixels do not connect with the edge.
pub(super) fn fill_holes(kept: &mut Array2<bool>) {
    let (height, width) = kept.dim();
    let mut outside = Array2::from_elem(kept.dim(), false);
    let edge = |(y, x): (usize, usize)| y == 0 || x == 0 || y + 1 == height || x + 1 == width;
    let starts = kept
        .indexed_iter()
        .filter(|&(place, &kept)| !kept && edge(place));
    let mut todo: Vec<_> = starts.map(|(place, _)| place).collect();
    for &place in &todo {
        outside[place] = true;
    }
    while let Some(place) = todo.pop() {
        for next in neighbours(place, (height, width)) {
            if !kept[next] && !outside[next] {
                outside[next] = true;
                todo.push(next);
            }
        }
    }
    kept.zip_mut_with(&outside, |kept, &outside| *kept = !outside);
}

fn neighbours(
    (y, x): (usize, usize),
    (height, width): (usize, usize),
) -> impl Iterator<Item = (usize, usize)> {
    let up = y.checked_sub(1).map(|y| (y, x));
    let left = x.checked_sub(1).map(|x| (y, x));
    let down = (y + 1 < height).then_some((y + 1, x));
    let right = (x + 1 < width).then_some((y, x + 1));
    [up, left, down, right].into_iter().flatten()
}
