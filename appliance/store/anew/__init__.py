"""What is written anew: rows dated once the time is known, bins cut when the site's zone changes."""
