package dev.hydra.cli.watch;

import dev.hydra.cli.common.Json;
import dev.hydra.cli.page.Html;
import dev.hydra.cli.page.Numbers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes what a model is composed of as HTML: blocks in a row that have the same paths are one. */
final class ModelTable {
  private final StringBuilder html = new StringBuilder();

  private ModelTable() {}

  /**
   * Writes a model under a heading.
   *
   * @param title the heading
   * @param model see {@link WatchedRun#model}
   */
  static String html(String title, @Nullable Map<String, ?> model) {
    ModelTable table = new ModelTable();
    table.html.append("<h2>" + Html.escape(title));
    if (model == null) {
      table.html.append(" <small>being found out</small></h2>\n");
    } else if (model.get("reason") != null) {
      table.html.append("</h2>\n<p>not known: ");
      table.html.append(Html.escape(String.valueOf(model.get("reason"))) + "</p>\n");
    } else {
      table.model(model);
    }
    return table.html.toString();
  }

  /** Blocks in a row that have the same paths. */
  private record Group(int from, int to, Map<?, ?> block) {}

  private void model(Map<String, ?> model) {
    String summary =
        Numbers.shorter(Json.number(model, "parameters"))
            + " parameters, "
            + Numbers.shorter(Json.number(model, "active_parameters"))
            + " per token; "
            + Numbers.shorter(Json.number(model, "forward_flops_per_token"))
            + " FLOPs per token forward at "
            + Numbers.whole(Json.number(model, "sequence_length"))
            + " tokens; width "
            + Numbers.whole(Json.number(model, "width"))
            + ", vocabulary "
            + Numbers.whole(Json.number(model, "vocab_size"));
    html.append(" <small>" + Html.escape(summary) + "</small></h2>\n")
        .append("<div class=\"wide\"><table><thead><tr>");
    for (String name :
        List.of("site", "component", "version", "gate", "parameters", "per token", "FLOPs/token")) {
      html.append("<th>" + name + "</th>");
    }
    html.append("</tr></thead><tbody>\n");
    List<?> blocks = Json.list(model, "blocks");
    for (Group group : groups(blocks)) {
      String where =
          group.from() == group.to()
              ? "block " + group.from()
              : "blocks " + group.from() + " to " + group.to() + ", each";
      html.append("<tr class=\"group\"><th colspan=\"7\">" + where + ", ")
          .append(Html.escape(String.valueOf(group.block().get("topology"))) + "</th></tr>\n");
      boolean all = group.from() == 0 && group.to() == blocks.size() - 1 && blocks.size() > 1;
      for (Map<String, ?> path : maps(group.block().get("paths"))) {
        path(group, path, all);
      }
    }
    html.append("</tbody></table></div>\n");
  }

  private static List<Group> groups(List<?> blocks) {
    List<Group> groups = new ArrayList<>();
    for (int i = 0; i < blocks.size(); i++) {
      if (!(blocks.get(i) instanceof Map<?, ?> block)) {
        continue;
      }
      int last = groups.size() - 1;
      if (last >= 0 && shape(groups.get(last).block()).equals(shape(block))) {
        groups.set(last, new Group(groups.get(last).from(), i, groups.get(last).block()));
      } else {
        groups.add(new Group(i, i, block));
      }
    }
    return groups;
  }

  private static String shape(Map<?, ?> block) {
    return block.toString().replaceAll("site=blocks\\.\\d+", "site=");
  }

  private void path(Group group, Map<String, ?> path, boolean all) {
    List<Map<String, ?>> components = maps(path.get("components"));
    for (int i = 0; i < components.size(); i++) {
      Map<String, ?> component = components.get(i);
      String local = String.valueOf(component.get("site")).replaceFirst("blocks\\.\\d+\\.", "");
      boolean outer = i == 0;
      html.append("<tr><td><button type=\"button\" class=\"site\" data-sites=\"")
          .append(Html.escape(sites(group, local, all)) + "\" title=\"configure\">")
          .append(Html.escape(local) + "</button></td><td>")
          .append(Html.escape(String.valueOf(component.get("type"))))
          .append(" <small>" + Html.escape(options(component.get("config"))) + "</small></td>");
      cell(String.valueOf(component.get("plugin")));
      cell(outer ? String.valueOf(path.get("gate")) : "");
      cell(outer ? Numbers.shorter(Json.number(path, "parameters")) : "");
      cell(outer ? Numbers.shorter(Json.number(path, "active_parameters")) : "");
      cell(outer ? Numbers.shorter(Json.number(path, "forward_flops_per_token")) : "");
      html.append("</tr>\n");
    }
  }

  /** Names the sites of a group as a swap does. */
  private static String sites(Group group, String local, boolean all) {
    if (all) {
      return "blocks.*." + local;
    }
    List<String> sites = new ArrayList<>();
    for (int block = group.from(); block <= group.to(); block++) {
      sites.add("blocks." + block + "." + local);
    }
    return String.join(",", sites);
  }

  /** Options of a component itself, in a line; what is nested in it has a line of its own. */
  private static String options(@Nullable Object config) {
    if (!(config instanceof Map<?, ?> map)) {
      return "";
    }
    return map.entrySet().stream()
        .filter(each -> !(each.getValue() instanceof Map) && !"type".equals(each.getKey()))
        .map(each -> each.getKey() + " " + each.getValue())
        .sorted()
        .collect(Collectors.joining(", "));
  }

  private void cell(String text) {
    html.append("<td>" + Html.escape(text) + "</td>");
  }

  private static List<Map<String, ?>> maps(@Nullable Object list) {
    List<Map<String, ?>> maps = new ArrayList<>();
    if (list instanceof List<?> all) {
      for (Object each : all) {
        if (each instanceof Map<?, ?> map) {
          Map<String, Object> named = new LinkedHashMap<>();
          map.forEach((name, value) -> named.put(String.valueOf(name), value));
          maps.add(named);
        }
      }
    }
    return maps;
  }
}
