use super::*;

type Extents = Option<Vec<Option<u64>>>;

fn read(name: &str) -> Option<(String, String, Extents)> {
    let n = parse(name).unwrap()?;
    Some((n.name, n.layout.dtype.to_string(), n.layout.shape))
}

fn known(extents: &[u64]) -> Extents {
    Some(extents.iter().copied().map(Some).collect())
}

#[test]
fn names_in_use() {
    for (file, name, dtype, shape) in [
        ("name_int32_4_5.dat", "name", "<i4", known(&[4, 5])),
        ("./d.x/v1.2_int16_3.dat", "v1.2", "<i2", known(&[3])),
        ("v1.2_int16_3", "v1.2", "<i2", known(&[3])),
        ("x_float64_0_3.dat", "x", "<f8", known(&[0, 3])),
        ("a_b-c_u2be_7.bin", "a_b-c", ">u2", known(&[7])),
        ("int32_4_5.dat", "", "<i4", known(&[4, 5])),
        ("run_5_int32.raw", "run_5", "<i4", None),
        ("aneurism_256x256x128_uint8.raw", "aneurism", "|u1", known(&[256, 256, 128])),
        ("volume_uint8_256x256x128.raw", "volume", "|u1", known(&[256, 256, 128])),
        ("x-float32-8640-4320.data", "x", "<f4", known(&[8640, 4320])),
        ("x_float32_-1_3.dat", "x", "<f4", Some(vec![None, Some(3)])),
        ("x_f4_N_3.dat", "x", "<f4", Some(vec![None, Some(3)])),
        ("t_datetime64ns_9.dat", "t", "<M8[ns]", known(&[9])),
        ("t_timedelta64nsbe_9.dat", "t", ">m8[ns]", known(&[9])),
        ("s_S5_2.dat", "s", "|S5", known(&[2])),
        ("s_U5_2.dat", "s", "<U5", known(&[2])),
    ] {
        assert_eq!(read(file), Some((name.into(), dtype.into(), shape)), "{file}");
    }
    let n = parse("x_int32_4_5_F_off128.dat").unwrap().unwrap();
    assert_eq!((n.layout.order, n.layout.offset), (Order::F, 128));
}

#[test]
fn names_that_say_nothing() {
    for file in [
        "",
        "x.dat",
        "x_4_5.dat",
        "x_int31_4.dat",
        "x_int32_4_y.dat",
        "x_int32_N_N.dat",
        "x_Sle_4.dat",
        "readme",
    ] {
        assert_eq!(read(file), None, "{file}");
    }
    for file in ["x_double_4.dat", "x_int_4_5.dat", "x_int32_4.dat.gz"] {
        assert!(parse(file).is_err(), "{file}");
    }
}

#[test]
fn one_element_without_extents_is_a_scalar() {
    let n = parse("x_int32.dat").unwrap().unwrap();
    assert_eq!(n.layout_for(4).resolve(4).unwrap(), Shape::from([]));
    assert_eq!(n.layout_for(8).resolve(8).unwrap(), Shape::from([2]));
    assert!(n.layout_for(7).resolve(7).is_err());
}

#[test]
fn what_is_written_is_read_back() {
    for (name, dtype, shape) in [
        ("name", "<i4", Shape::from([4, 5])),
        ("", ">f8", [3].into()),
        ("a_b-1.5", "<M8[ns]", [].into()),
        ("v_int32", "|b1", [2].into()),
        ("v_7", ">U3", [2].into()),
    ] {
        let d: Dtype = dtype.parse().unwrap();
        let file = format(name, &d, &shape, "dat").unwrap();
        let back = parse(&file).unwrap().unwrap();
        assert_eq!((back.name.as_str(), &back.layout.dtype), (name, &d));
        let size = shape.bytes(d.itemsize()).unwrap();
        assert_eq!(back.layout_for(size).resolve(size).unwrap(), shape);
    }
    for (name, dtype, extension) in [
        ("a/b", "<i4", "dat"),
        ("v_3x4", "<i4", "dat"),
        ("x", "<i4", "gz"),
        ("x", "<i4", "a.b"),
        ("x", "<V3", "dat"),
        ("x", "<M8[25s]", "dat"),
    ] {
        let d: Dtype = dtype.parse().unwrap();
        assert!(format(name, &d, &[].into(), extension).is_err(), "{name}");
    }
}
