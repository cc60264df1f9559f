//! What tests/python/write_theirs.py wrote, with the values that h5py and scipy had.

use ndarray::{Array3, ArrayD};
use widefield_storage::mat::Class;
use widefield_storage::{Attribute, ErrorKind, Place};

/// value(i, j, k) = i + 10 j + 100 k, modulo 100 for 8-bit types.
fn expected(kind: &str) -> ArrayD<f64> {
    Array3::from_shape_fn((3, 4, 5), |(i, j, k)| {
        let value = (i + 10 * j + 100 * k) as f64;
        if kind.ends_with('1') {
            value % 100.0
        } else {
            value
        }
    })
    .into_dyn()
}

/// What h5py wrote, like MATLAB behind a block of 512 bytes.
pub(crate) fn assert_h5py(place: &Place) {
    for file in ["old.h5", "new.h5"] {
        let read = |dataset: &str| place.read_hdf5(file, dataset);
        for storage in ["contiguous", "gzip", "shuffle"] {
            for kind in [
                "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "big_f8", "big_i2",
            ] {
                let found = read(&format!("{storage}/{kind}")).unwrap();
                assert_eq!(found.values, expected(kind), "{file} {storage} {kind}");
            }
        }
        assert_eq!(
            read("unwritten").unwrap().values,
            ArrayD::from_elem(vec![3, 4], 7.0)
        );
        assert_eq!(read("empty").unwrap().values.shape(), [0, 4]);
        assert_eq!(
            read("scalar").unwrap().values,
            ndarray::arr0(2.5).into_dyn()
        );
        assert_eq!(read("text").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(read("contiguous").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(read("missing").unwrap_err().kind(), ErrorKind::Invalid);

        let open = place.open_hdf5(file).unwrap();
        for storage in ["contiguous", "gzip", "shuffle"] {
            let dataset = open.dataset(&format!("/{storage}/f8")).unwrap();
            let part = dataset.read(&[(1, 3), (0, 2), (4, 5)]).unwrap();
            let all = expected("f8");
            assert_eq!(part, all.slice(ndarray::s![1..3, 0..2, 4..5]).into_dyn());
        }

        let found = read("contiguous/f4").unwrap();
        let expected = [
            ("bytes", Attribute::from("fixed")),
            ("float", Attribute::Float(0.5)),
            ("integer", Attribute::Integer(-3)),
            ("integers", Attribute::Floats(vec![1.0, 2.0, 3.0, 4.0])),
            ("list", Attribute::Floats(vec![1.0, 2.0])),
            ("text", Attribute::from("µm")),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        assert_eq!(found.attributes, expected, "{file}");
    }
}

/// What scipy wrote.
pub(crate) fn assert_scipy(place: &Place) {
    for file in ["plain.mat", "packed.mat"] {
        let read = place.read_mat(file).unwrap();
        let classes = [
            ("f4", Class::Single),
            ("f8", Class::Double),
            ("i1", Class::Int(8)),
            ("u1", Class::UInt(8)),
            ("i2", Class::Int(16)),
            ("u2", Class::UInt(16)),
            ("i4", Class::Int(32)),
            ("u4", Class::UInt(32)),
            ("i8", Class::Int(64)),
            ("u8", Class::UInt(64)),
        ];
        let find = |name: &str| read.iter().find(|v| v.name == name).unwrap();
        for (kind, class) in classes {
            let found = find(kind);
            assert_eq!(
                (found.class, &found.values),
                (class, &expected(kind)),
                "{file} {kind}"
            );
        }
        assert_eq!(find("logical").class, Class::Logical);
        assert_eq!(
            find("logical").values,
            expected("f8").mapv(|v| f64::from(v % 2.0 == 0.0))
        );
        assert_eq!(find("nothing").values.shape(), [0, 3]);
        assert!(find("last").values[[0, 1]].is_nan());
        assert_eq!(
            find("a_name_of_more_than_thirty_one_letters").values,
            expected("f8")
        );
        // Texts, cells, structures and complex arrays are left out.
        assert_eq!(read.len(), 14, "{file}");
    }
}
