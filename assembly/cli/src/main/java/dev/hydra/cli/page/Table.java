package dev.hydra.cli.page;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * A table for people.
 *
 * @param note what to know of it; may be empty
 * @param header names of the columns
 * @param rows as many cells in each as there are columns
 */
public record Table(String title, String note, List<String> header, List<List<String>> rows) {
  private static final int WIDEST = 44;
  private static final String CUT = "...";

  /** Prints it with aligned columns; long values are cut, as the page and JSON have them whole. */
  public void print(PrintWriter out) {
    out.println(title + (note.isEmpty() ? "" : " (" + note + ")"));
    List<List<String>> all = new ArrayList<>(rows);
    all.add(0, header);
    int[] widths = new int[header.size()];
    for (List<String> row : all) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], cell(row, i).length());
      }
    }
    for (List<String> row : all) {
      StringBuilder line = new StringBuilder("  ");
      for (int i = 0; i < widths.length; i++) {
        String cell = cell(row, i);
        String gap = " ".repeat(widths[i] - cell.length());
        line.append(i == 0 ? cell + gap : "  " + gap + cell);
      }
      out.println(line.toString().stripTrailing());
    }
  }

  private static String cell(List<String> row, int column) {
    String cell = row.get(column);
    return column > 0 && cell.length() > WIDEST
        ? cell.substring(0, WIDEST - CUT.length()) + CUT
        : cell;
  }
}
