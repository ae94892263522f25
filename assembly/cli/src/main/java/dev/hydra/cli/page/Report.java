package dev.hydra.cli.page;

import java.util.List;
import java.util.Map;

/** Results that are shown as tables, as a page, and to programs. */
public interface Report {
  /** Returns the tables for people. */
  List<Table> tables();

  /** Returns all of it as the values of a JSON object. */
  Map<String, Object> json();

  /** Returns a page with plots and tables, which needs nothing else. */
  String html();
}
