import ij.gui.*;
import ij.io.RoiEncoder;
import ij.process.ImageProcessor;
import java.awt.Rectangle;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.zip.*;

/**
 * Selections with the masks that ImageJ makes of them, for tests/areas.rs.
 *
 * java -cp ij.jar WriteRois.java FOLDER [RANDOM] writes rois.zip and rois.npy, masks (selection, y, x), to the folder: a few of
 * every kind, and so many random ones more.
 */
public class WriteRois {
    static final int WIDTH = 40, HEIGHT = 30;
    static final LinkedHashMap<String, Roi> rois = new LinkedHashMap<>();

    static void add(String name, Roi roi) {
        roi.setName(name);
        rois.put(name, roi);
    }

    static Roi polygon(int type, int... xy) {
        int[] x = new int[xy.length / 2], y = new int[xy.length / 2];
        for (int i = 0; i < x.length; i++) {
            x[i] = xy[2 * i];
            y[i] = xy[2 * i + 1];
        }
        return new PolygonRoi(x, y, x.length, type);
    }

    static Roi floats(int type, double... xy) {
        float[] x = new float[xy.length / 2], y = new float[xy.length / 2];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) xy[2 * i];
            y[i] = (float) xy[2 * i + 1];
        }
        return new PolygonRoi(x, y, x.length, type);
    }

    static ShapeRoi shape(Roi roi) {
        return new ShapeRoi(roi);
    }

    static void everyKind() {
        add("rectangle", new Roi(3, 4, 10, 7));
        add("whole frame", new Roi(0, 0, WIDTH, HEIGHT));
        add("one pixel", new Roi(39, 29, 1, 1));
        add("rectangle between pixels", new Roi(3.4, 4.6, 10.5, 7.2));
        add("oval", new OvalRoi(5, 6, 21, 14));
        add("oval of even size", new OvalRoi(0, 0, 4, 4));
        add("thin oval", new OvalRoi(8, 1, 3, 27));
        add("oval between pixels", new OvalRoi(5.5, 6.25, 20.5, 13.5));
        add("triangle", polygon(Roi.POLYGON, 2, 2, 30, 9, 11, 27));
        add("star that crosses itself", polygon(Roi.POLYGON, 20, 1, 28, 28, 2, 10, 38, 10, 10, 28));
        add("polygon between pixels", floats(Roi.POLYGON, 2.3, 2.7, 30.1, 9.9, 25.5, 20.5, 11.2, 27.8));
        add("corners in the middle of pixels", floats(Roi.POLYGON, 2.5, 2.5, 12.5, 2.5, 12.5, 9.5, 2.5, 9.5));
        add("freehand", polygon(Roi.FREEROI, 5, 5, 6, 5, 8, 6, 11, 6, 13, 8, 12, 11, 9, 12, 6, 10, 5, 8));
        add("freehand between pixels", floats(Roi.FREEROI, 5.1, 5.2, 6.8, 5.3, 9.9, 8.1, 7.7, 12.4, 4.2, 9.9));
        add("traced", polygon(Roi.TRACED_ROI, 4, 4, 8, 4, 8, 6, 10, 6, 10, 10, 5, 10, 5, 7, 4, 7));
        add("ellipse", new EllipseRoi(8, 6, 31, 22, 0.5));
        add("rotated rectangle", new RotatedRectRoi(8, 8, 30, 21, 9));
        add("two pieces", shape(new Roi(1, 1, 5, 6)).or(shape(new Roi(20, 10, 7, 9))));
        add("hole", shape(new Roi(2, 2, 30, 20)).not(shape(new OvalRoi(8, 5, 11, 12))));
        add("either but not both", shape(new Roi(2, 2, 20, 20)).xor(shape(new OvalRoi(12, 8, 25, 19))));
        add("curves", new ShapeRoi(new java.awt.geom.Ellipse2D.Double(4.2, 3.1, 29.3, 22.7)));
        add("rounded", new ShapeRoi(new java.awt.geom.RoundRectangle2D.Double(3, 4, 30, 20, 12, 9)));
        add("µ unicode 皮質", new Roi(1, 2, 3, 4));
    }

    static void random(int count) {
        Random random = new Random(1);
        for (int i = 0; i < count; i++) {
            int corners = 3 + random.nextInt(12);
            int[] xy = new int[2 * corners];
            double[] between = new double[2 * corners];
            // Halves and quarters too, at which centres lie on edges.
            double grid = new double[] {1, 2, 4, 1e6}[random.nextInt(4)];
            for (int k = 0; k < 2 * corners; k++) {
                int most = k % 2 == 0 ? WIDTH : HEIGHT;
                xy[k] = random.nextInt(most + 1);
                between[k] = Math.floor(random.nextDouble() * most * grid) / grid;
            }
            int left = random.nextInt(WIDTH - 1), top = random.nextInt(HEIGHT - 1);
            int width = 1 + random.nextInt(WIDTH - left), height = 1 + random.nextInt(HEIGHT - top);
            Roi roi = switch (i % 8) {
                case 0 -> new Roi(left, top, width, height);
                case 1 -> new OvalRoi(left, top, width, height);
                case 2 -> polygon(Roi.POLYGON, xy);
                case 3 -> polygon(Roi.FREEROI, xy);
                case 4 -> floats(Roi.POLYGON, between);
                case 5 -> floats(Roi.FREEROI, between);
                case 6 -> shape(polygon(Roi.POLYGON, xy)).xor(shape(new OvalRoi(left, top, width, height)));
                default -> new ShapeRoi(new java.awt.geom.Ellipse2D.Double(left, top, width, height));
            };
            if (roi.getBounds().width > 0 && roi.getBounds().height > 0)
                add("random " + i, roi);
        }
    }

    public static void main(String[] arguments) throws IOException {
        File folder = new File(arguments[0]);
        everyKind();
        if (arguments.length > 1)
            random(Integer.parseInt(arguments[1]));
        try (ZipOutputStream zip = new ZipOutputStream(new FileOutputStream(new File(folder, "rois.zip")));
             FileOutputStream masks = new FileOutputStream(new File(folder, "rois.npy"))) {
            String shape = "(" + rois.size() + ", " + HEIGHT + ", " + WIDTH + ")";
            String header = "{'descr': '|b1', 'fortran_order': False, 'shape': " + shape + ", }\n";
            masks.write(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (byte) header.length(), 0});
            masks.write(header.getBytes(StandardCharsets.US_ASCII));
            int number = 0;
            for (Roi roi : rois.values()) {
                ZipEntry entry = new ZipEntry(String.format("%04d.roi", ++number));
                entry.setTime(0);
                zip.putNextEntry(entry);
                byte[] bytes = RoiEncoder.saveAsByteArray(roi);
                zip.write(bytes);
                zip.closeEntry();
                // As it is when it has been saved.
                Roi read = new ij.io.RoiDecoder(bytes, "x.roi").getRoi();
                Rectangle bounds = read.getBounds();
                ImageProcessor mask = read.getMask();
                for (int y = 0; y < HEIGHT; y++)
                    for (int x = 0; x < WIDTH; x++) {
                        int column = x - bounds.x, row = y - bounds.y;
                        boolean inside = column >= 0 && row >= 0 && column < bounds.width && row < bounds.height;
                        masks.write(inside && (mask == null || mask.get(column, row) != 0) ? 1 : 0);
                    }
            }
        }
        System.out.println(rois.size() + " selections, ImageJ " + ij.ImageJ.VERSION);
    }
}
