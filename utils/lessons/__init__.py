"""What one lesson alone needs: each module belongs to the lesson that defines its functions."""
