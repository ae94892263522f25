package dev.hydra.experiments.measure;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How much the expert that a token is sent to says about its domain, where each condition is a
 * domain and all count alike. For each router, of the choices of all tokens:
 *
 * <ul>
 *   <li>the mutual information I(E; D), normalised by the mean of the entropies, 2 I / (H(E) +
 *       H(D)): 1 if each domain has experts of its own and as many experts as there are domains, 0
 *       if all domains use the experts alike;
 *   <li>under {@code NAME homogeneity} I / H(D): 1 if the expert tells the domain, however many
 *       experts a domain has (Rosenberg and Hirschberg 2007, "V-Measure").
 * </ul>
 *
 * <p>The shares of experts are the routers' own observation, {@code load}.
 */
record DomainRouting() implements Measure {
  private static final String LOAD = "load";

  @Override
  public Measured of(String name, List<Observed> conditions) {
    Map<String, Double> normalised = new LinkedHashMap<>();
    Map<String, Double> homogeneity = new LinkedHashMap<>();
    for (String site : Sites.of(LOAD, conditions)) {
      double[][] shares =
          conditions.stream()
              .map(
                  each ->
                      each.average(site + "." + LOAD).stream()
                          .mapToDouble(share -> share)
                          .toArray())
              .toArray(double[][]::new);
      double information = information(shares);
      double domains = Math.log(shares.length);
      double experts = entropy(mean(shares));
      normalised.put(site, information == 0 ? 0 : 2 * information / (domains + experts));
      homogeneity.put(site, information == 0 ? 0 : information / domains);
    }
    return Measured.of(Sites.named(name, normalised))
        .with(Measured.of(Sites.named(name + " homogeneity", homogeneity)));
  }

  /** I(E; D) = H(E) - H(E | D), in nats, of equally likely domains. */
  private static double information(double[][] shares) {
    double conditional = 0;
    for (double[] each : shares) {
      conditional += entropy(normalise(each)) / shares.length;
    }
    return Math.max(0, entropy(mean(shares)) - conditional);
  }

  private static double[] mean(double[][] shares) {
    double[] mean = new double[shares[0].length];
    for (double[] each : shares) {
      double[] own = normalise(each);
      for (int i = 0; i < mean.length; i++) {
        mean[i] += own[i] / shares.length;
      }
    }
    return mean;
  }

  private static double[] normalise(double[] shares) {
    double sum = 0;
    for (double each : shares) {
      sum += each;
    }
    double[] all = shares.clone();
    for (int i = 0; i < all.length; i++) {
      all[i] /= sum;
    }
    return all;
  }

  private static double entropy(double[] parts) {
    double sum = 0;
    for (double each : parts) {
      sum -= each > 0 ? each * Math.log(each) : 0;
    }
    return sum;
  }
}
